// Optimizers: how a parameter moves, built from the update ops into the training graph. What an optimizer
// remembers of a parameter is a state of the graph; the learning rate and the step are inputs, so that a
// schedule changes no graph.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/named_table.h"
#include "assay/graph/fields.h"
#include "assay/graph/graph.h"
#include "assay/layers/layer.h"

namespace assay {

/// What an update rule sees of one parameter.
class UpdateBuilder {
 public:
  /// `name` is the parameter's, "<layer>.<parameter>".
  UpdateBuilder(GraphBuild& build, const Fields& fields, std::string name, Value parameter, Value gradient);

  const Fields& fields() const { return fields_; }  ///< complete
  Value parameter() const { return parameter_; }
  Value gradient() const { return gradient_; }  ///< clipped, if the experiment clips
  Value learning_rate() const;                  ///< input "learning_rate", a real scalar
  Value step() const;                           ///< input "step", an i32 scalar that counts from 1

  /// The state "optimizer/<name>/<layer>.<parameter>": of the parameter's spec, zero before the first step.
  Value slot(std::string_view name);
  /// What the parameter or a slot becomes.
  void update(Value state, Value successor) { build_.graph.update(state, successor); }

 private:
  GraphBuild& build_;
  const Fields& fields_;
  std::string name_;
  Value parameter_;
  Value gradient_;
};

struct OptimizerDef {
  std::string name;
  std::string summary;
  std::string formula;
  std::vector<FieldDef> fields{};    ///< from optimizer_fields()
  std::vector<std::string> slots{};  ///< that it may keep, for documentation
  /// Updates one parameter. Throws Error for settings that contradict each other.
  std::function<void(UpdateBuilder&)> update{};
};

using OptimizerTable = NamedTable<OptimizerDef>;

/// An optimizer's own fields between those that every optimizer has: learning_rate, the schedule's base, with
/// this default, and clip_norm (optional).
std::vector<FieldDef> optimizer_fields(double learning_rate, std::vector<FieldDef> own);

/// ‖(g₁, g₂, …)‖₂, a scalar: NaN or infinite as soon as one element is. REQUIRES: at least one gradient.
Value global_norm(std::span<const Value> gradients);

/// gᵢ · min(1, clip / (norm + 10⁻⁶)), the formula of PyTorch's clip_grad_norm_.
std::vector<Value> clip_by_global_norm(std::span<const Value> gradients, Value norm, double clip);

/// sgd, adam, adamw, rmsprop: formulas and defaults are PyTorch's.
void register_optimizers(OptimizerTable& optimizers, const std::string& owner);

}  // namespace assay
