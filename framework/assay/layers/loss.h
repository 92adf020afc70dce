// Losses: a scalar from the model's output and a target. Each knows which targets it compares with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/core/named_table.h"
#include "assay/graph/fields.h"
#include "assay/graph/graph.h"

namespace assay {

enum class TargetKind : std::uint8_t {
  numbers,  ///< real, of the output's shape
  labels,   ///< one i32 class per sample, for an output of one score per class
};

struct LossDef {
  std::string name;
  std::string summary;
  std::string formula;
  std::vector<FieldDef> fields{};
  TargetKind target = TargetKind::numbers;
  /// The loss, a scalar. `prediction` is [B, …], `target` has target_spec().
  std::function<Value(Value prediction, Value target, const Fields& fields)> build{};
};

using LossTable = NamedTable<LossDef>;

/// The target that the loss compares a prediction [B, …] with. Throws Error for a prediction that it cannot
/// take.
Spec target_spec(const LossDef& loss, const Spec& prediction);

/// Throws Error, with what to change, unless `target` is what the loss compares `prediction` with. Both have
/// the batch as axis 0; real dtypes count as the same.
void check_target(const LossDef& loss, const Spec& prediction, const Spec& target);

/// half_squared_error, mean_squared_error, mean_absolute_error, huber, softmax_cross_entropy,
/// binary_cross_entropy.
void register_losses(LossTable& losses, const std::string& owner);

}  // namespace assay
