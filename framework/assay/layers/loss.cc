#include "assay/layers/loss.h"

#include <fmt/format.h>

#include <utility>

#include "assay/core/error.h"
#include "assay/layers/sample_shape.h"

namespace assay {
namespace {

// A loss that is the op of its own name.
LossDef loss_of_op(std::string name, std::string summary, std::string formula, TargetKind target,
                   std::vector<FieldDef> fields = {}) {
  LossDef def{.name = std::move(name),
              .summary = std::move(summary),
              .formula = std::move(formula),
              .fields = std::move(fields),
              .target = target};
  def.build = [op = def.name](Value prediction, Value y, const Fields& settings) {
    return prediction.graph().apply(op, {prediction, y}, settings);
  };
  return def;
}

std::string per_sample(const Spec& spec) { return without_batch(spec.shape).to_string(); }

}  // namespace

Spec target_spec(const LossDef& loss, const Spec& prediction) {
  if (loss.target == TargetKind::numbers) return prediction;
  if (prediction.shape.rank() != 2) {
    throw Error(
        fmt::format("loss '{}' takes one score per class, [classes] per sample, but the model's output is "
                    "{} per sample",
                    loss.name, per_sample(prediction)))
        .help("end the model with {type: flatten} and {type: dense, units: CLASSES}");
  }
  return {DType::i32, Shape{prediction.shape[0]}};
}

void check_target(const LossDef& loss, const Spec& prediction, const Spec& target) {
  const Spec wanted = target_spec(loss, prediction);
  const std::string output = per_sample(prediction);
  if (loss.target == TargetKind::labels) {
    if (is_real(target.dtype) || target.shape.rank() != 1) {
      throw Error(
          fmt::format("loss '{}' wants one class label per sample, an integer in [0, {}), but the data has "
                      "{} of shape {} per sample",
                      loss.name, prediction.shape[1], is_real(target.dtype) ? "numbers" : "integers",
                      per_sample(target)))
          .help("give labels, or choose a loss that compares numbers, such as mean_squared_error");
    }
    return;
  }
  if (!is_real(target.dtype)) {
    throw Error(
        fmt::format(
            "loss '{}' wants numbers of shape {} per sample, the shape of the model's output, but the "
            "data has class labels",
            loss.name, output))
        .help("use softmax_cross_entropy, with one unit per class in the last layer");
  }
  if (target.shape != wanted.shape) {
    throw Error(
        fmt::format("loss '{}' compares numbers of the same shape, but the model's output is {} and the "
                    "target {} per sample",
                    loss.name, output, per_sample(target)))
        .help("let the last layer give as many numbers as a target has");
  }
}

void register_losses(LossTable& losses, const std::string& owner) {
  const auto add = [&](LossDef def) {
    const std::string name = def.name;
    losses.add(name, std::move(def), owner);
  };
  add(loss_of_op("half_squared_error", "the article's loss: summed over outputs, averaged over the batch",
                 "L = 1/(2B) ‖Y − A‖²_F", TargetKind::numbers));
  add(loss_of_op("mean_squared_error", "averaged over every element", "L = 1/N Σ (y − a)²",
                 TargetKind::numbers));
  add(loss_of_op("mean_absolute_error", "averaged over every element", "L = 1/N Σ |y − a|",
                 TargetKind::numbers));
  add(loss_of_op("huber", "squared near zero, linear beyond δ; averaged over every element (Huber 1964)",
                 "L = 1/N Σ (½ r² where |r| ≤ δ, else δ (|r| − ½ δ)), r = a − y", TargetKind::numbers,
                 {{.name = "delta",
                   .kind = FieldKind::number,
                   .summary = "δ, where it turns linear",
                   .fallback = 1.0,
                   .minimum = 1e-300}}));
  add(loss_of_op("softmax_cross_entropy", "from one score (logit) per class; averaged over the batch",
                 "L = −1/B Σ_i Σ_k t_ik log softmax(a_i)_k, t = (1 − s) [k = label] + s / K",
                 TargetKind::labels,
                 {{.name = "label_smoothing",
                   .kind = FieldKind::number,
                   .summary = "s, the weight of the uniform distribution in the target",
                   .fallback = 0.0,
                   .minimum = 0,
                   .maximum = 1}}));
  add(loss_of_op("binary_cross_entropy",
                 "from scores (logits), targets in [0, 1]; summed over outputs, averaged over the batch",
                 "L = −1/B Σ (y log σ(a) + (1 − y) log(1 − σ(a)))", TargetKind::numbers));
}

}  // namespace assay
