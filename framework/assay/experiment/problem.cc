#include "assay/experiment/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "assay/core/diagnostics.h"
#include "assay/core/system.h"
#include "assay/data/npz.h"
#include "assay/data/safetensors.h"
#include "assay/data/source.h"
#include "assay/data/stored_array.h"

namespace assay {
namespace {

// Labels decide between classes, other targets are compared as numbers; a logit decides by its sign.
std::vector<MetricConfig> default_metrics(const Experiment& experiment, const Model& model) {
  if (model.loss().target == TargetKind::labels || experiment.loss.type == "binary_cross_entropy") {
    return {{.type = "accuracy"}};
  }
  return {{.type = "mean_absolute_error"}};
}

std::map<std::string, Tensor> read_weights(const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  if (path.extension() == ".npz") {
    tensors = read_npz(path);
  } else if (path.extension() == ".safetensors") {
    tensors = read_safetensors(path).tensors;
  } else {
    throw Error(fmt::format("'{}' holds no weights that assay reads", path.string()))
        .help("give a .npz or .safetensors file");
  }
  std::map<std::string, Tensor> named;
  for (NamedTensor& tensor : tensors) named.emplace(tensor.name, std::move(tensor.tensor));
  return named;
}

}  // namespace

SplitDataset load_data(const Experiment& experiment, const Registry& registry, std::uint64_t seed) {
  const DataConfig& config = experiment.data;
  try {
    SplitDataset data = load_data(registry.data_sources.at(config.type), config.fields, {}, seed);
    split(data, config.split, seed);
    if (config.normalize) normalize(data, *config.normalize);
    const Augmentation augmentation(config.augment);
    if (!augmentation.empty()) augmentation.check(data.train.input_shape());
    return data;
  } catch (Error& error) {
    if (config.where && error.diagnostics().front().where) {  // the place is in a data file
      error.note(
          fmt::format("wanted by {}:{}:{}", config.where->file, config.where->line, config.where->column));
    }
    if (config.where) error.at(*config.where);
    throw;
  }
}

std::string metric_name(const MetricConfig& metric) {
  return metric.type == "top_k" ? fmt::format("top_{}_accuracy", metric.k) : metric.type;
}

Problem::Problem(const Experiment& experiment, const Registry& registry, std::uint64_t seed)
    : experiment_(experiment),
      seed_(seed),
      data_(load_data(experiment, registry, seed)),
      model_(registry, experiment.model, experiment.loss, experiment.optimizer),
      schedule_(registry.schedules.at(experiment.schedule.type)) {
  threads_ = experiment.backend.threads > 0 ? experiment.backend.threads : system_info().cores;
  const auto& chosen = registry.backends.entries().find(experiment.backend.type)->second;
  data_threads_ = chosen.value.threaded && chosen.owner == kBuiltIn ? threads_ : 1;
  backends_.push_back(registry.create_backend(experiment.backend.type, experiment.backend.fields, threads_));
  if (experiment.backend.type != "reference")
    backends_.push_back(registry.create_backend("reference", {}, 1));
  for (const auto& backend : backends_) preference_.push_back(backend.get());
  metrics_ = experiment.metrics.empty() ? default_metrics(experiment, model_) : experiment.metrics;
  try {
    convert_indices();
    check_data();
  } catch (Error& error) {
    if (experiment_.data.where) error.at(*experiment_.data.where);
    throw;
  }
  check_names();
}

std::int64_t Problem::training_batch() const { return std::min(experiment_.batch_size, data_.train.rows()); }

CompileOptions Problem::compile_options() const {
  CompileOptions options;
  options.fallback = experiment_.backend.fallback;
  return options;
}

// A model that reads indices gets integers within its limits. Sources that know only numbers (inline, csv)
// give whole ones.
void Problem::convert_indices() {
  if (!model_.index_limit()) return;
  const std::int64_t limit = *model_.index_limit();
  if (experiment_.data.normalize || !experiment_.data.augment.empty())
    throw Error("the model reads indices, which can be neither normalized nor augmented");
  for (Dataset* part :
       {&data_.train, data_.validation ? &*data_.validation : nullptr, data_.test ? &*data_.test : nullptr}) {
    if (part == nullptr) continue;
    Tensor indices(Spec{DType::i32, part->inputs.shape()});
    for (std::int64_t i = 0; i < part->inputs.count(); ++i) {
      const double value = element(part->inputs.view(), i);
      if (!(value >= 0 && value < static_cast<double>(limit) && value == std::floor(value))) {
        throw Error(fmt::format("the model reads indices from 0 to {}, but input {} of the data is {}",
                                limit - 1, part->inputs.shape().index_text(i), value))
            .help("mend the data, or give the embedding a larger count");
      }
      indices.as<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(value);
    }
    part->inputs = std::move(indices);
    part->transform = {};
  }
}

void Problem::check_data() const {
  const Dataset& train = data_.train;
  const auto batched = [](const Shape& sample) {
    std::vector<std::int64_t> extents{1};
    extents.insert(extents.end(), sample.extents().begin(), sample.extents().end());
    return Shape(extents);
  };
  const Spec input{model_.index_limit() ? DType::i32 : experiment_.dtype, batched(train.input_shape())};
  const Spec target{train.has_labels() ? DType::i32 : experiment_.dtype, batched(train.target_shape())};
  model_.check_data(input, target);
  const std::int64_t outputs = model_.prediction_spec(1, experiment_.dtype).shape[-1];
  for (const Dataset* part :
       {&train, data_.validation ? &*data_.validation : nullptr, data_.test ? &*data_.test : nullptr}) {
    if (part != nullptr) check_labels_below(*part, outputs, "the model");
  }
  const bool labels = train.has_labels(), binary = experiment_.loss.type == "binary_cross_entropy";
  for (const MetricConfig& metric : metrics_) {
    const bool fits =
        metric.type == "mean_absolute_error" ? !labels : labels || (binary && metric.type == "accuracy");
    if (!fits) {
      throw Error(fmt::format("metric '{}' cannot be measured on {}", metric.type,
                              labels ? "class labels" : "numbers"));
    }
    if (metric.type == "top_k" && metric.k > outputs) {
      throw Error(fmt::format("metric 'top_k' with k = {}, but the model decides between {} classes",
                              metric.k, outputs));
    }
  }
}

std::vector<std::string> Problem::metric_names() const {
  std::vector<std::string> names{"train/loss"};
  const auto add_part = [&](const std::string& part) {
    if (part != "train") names.push_back(part + "/loss");
    for (const MetricConfig& metric : metrics_) {
      if (metric.type != "confusion_matrix") names.push_back(part + "/" + metric_name(metric));
    }
  };
  if (measures_training_data()) add_part("train");
  if (data_.validation) add_part("validation");
  if (data_.test) add_part("test");
  return names;
}

void Problem::check_names() const {
  const std::vector<std::string> names = metric_names();
  const auto known = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
  Diagnostics diagnostics;
  for (const Expectation& expectation : experiment_.expectations) {
    if (known(expectation.metric)) continue;
    Diagnostic diagnostic;
    diagnostic.message = fmt::format("the run measures no '{}'", expectation.metric);
    diagnostic.where = expectation.where;
    diagnostic.label = "expected, but never measured";
    diagnostic.help.push_back(suggestion("metric", expectation.metric, names));
    diagnostics.add(std::move(diagnostic));
  }
  if (experiment_.early_stopping) {
    const std::string& monitor = experiment_.early_stopping->monitor;
    if (!known(monitor) || monitor.starts_with("test/")) {
      Diagnostic diagnostic;
      diagnostic.message =
          fmt::format("early_stopping monitors '{}', which is not measured after every epoch", monitor);
      diagnostic.help.push_back(data_.validation
                                    ? suggestion("metric", monitor, names)
                                    : "hold data back with data.split.validation, or monitor train/loss");
      diagnostics.add(std::move(diagnostic));
    }
  }
  diagnostics.throw_if_any();
}

void Problem::initialize(StateStore& states) const {
  for (const StateInfo& info : model_.states()) {
    states.declare(info.name, {experiment_.dtype, info.shape});
    states.write(info.name, model_.initial_value(info, seed_, experiment_.dtype).view());
  }
  if (!experiment_.weights) return;
  std::map<std::string, Tensor> given = read_weights(*experiment_.weights);
  Diagnostics diagnostics;
  const auto add = [&](const std::string& message, const std::string& help) {
    Diagnostic diagnostic;
    diagnostic.message = message;
    diagnostic.where = SourceRange{experiment_.weights->string(), 0, 0, 1, ""};
    if (!help.empty()) diagnostic.help.push_back(help);
    diagnostics.add(std::move(diagnostic));
  };
  std::vector<std::string> known;
  for (const StateInfo& info : model_.states()) {
    if (info.kind == StateKind::slot) continue;
    known.push_back(info.name);
    const auto found = given.find(info.name);
    if (found == given.end()) {
      if (info.kind == StateKind::parameter)
        add(fmt::format("the weights lack '{}' {}", info.name, info.shape.to_string()), "");
      continue;
    }
    if (found->second.shape() != info.shape) {
      add(fmt::format("'{}' has shape {} in the weights, but {} in the model", info.name,
                      found->second.shape().to_string(), info.shape.to_string()),
          "");
    } else {
      states.write(info.name, found->second.view());
    }
    given.erase(found);
  }
  for (const auto& [name, tensor] : given) {
    // From a checkpoint, an optimizer's slot (see StateInfo) or the best state: training starts anew from its
    // weights, perhaps with another optimizer. No parameter is named like this.
    if (name.starts_with("optimizer/") || name.starts_with("best/")) continue;
    add(fmt::format("the model has no '{}', which the weights hold", name),
        suggestion("parameter", name, known));
  }
  diagnostics.throw_if_any();
}

}  // namespace assay
