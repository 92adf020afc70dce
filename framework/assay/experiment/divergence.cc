#include "assay/experiment/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>

#include "assay/data/stored_array.h"

namespace assay {
namespace {

template <class T>
std::optional<std::int64_t> first_not_finite(std::span<const T> values) {
  const auto found = std::ranges::find_if(values, [](T x) { return !std::isfinite(x); });
  if (found == values.end()) return std::nullopt;
  return found - values.begin();
}

std::optional<std::int64_t> first_not_finite(const TensorView& tensor) {
  if (tensor.spec.dtype == DType::f32) return first_not_finite<float>(tensor.as<float>());
  if (tensor.spec.dtype == DType::f64) return first_not_finite<double>(tensor.as<double>());
  return std::nullopt;
}

std::string place(const Placement& placement) {
  return fmt::format("op '{}'{}{} on {} ({})", placement.op, placement.backward ? " (backward)" : "",
                     placement.scope.empty() ? "" : fmt::format(" of '{}'", placement.scope),
                     placement.backend, placement.implementation);
}

// A state that is not finite before any step has run, or "".
std::string finding_in(const StateStore& states) {
  for (const StateStore::Entry& entry : states.entries()) {
    const Tensor value = states.read(entry.name);
    if (const auto at = first_not_finite(value.view())) {
      return fmt::format("'{}' {} is {} before that step", entry.name, value.shape().index_text(*at),
                         element(value.view(), *at));
    }
  }
  return "";
}

// What an op made of operands that were all finite (every result before it was), or "".
std::string finding_in(const Program::Observation& op) {
  for (std::size_t o = 0; o < op.outputs.size(); ++o) {
    const TensorView& output = op.outputs[o];
    const auto at = first_not_finite(output);
    if (!at) continue;
    return fmt::format("{}: output {} of shape {}, element {}, is {}", place(op.placement), o,
                       output.spec.shape.to_string(), output.spec.shape.index_text(*at),
                       element(output, *at));
  }
  return "";
}

}  // namespace

bool all_finite(const StateStore& states) {
  // As they lie: what a layout pads is zero.
  return std::ranges::all_of(states.entries(), [](const StateStore::Entry& entry) {
    if (!is_real(entry.spec.dtype)) return true;
    const Spec flat{entry.spec.dtype, Shape{static_cast<std::int64_t>(entry.layout.bytes_of(entry.spec) /
                                                                      size_of(entry.spec.dtype))}};
    return !first_not_finite(TensorView{entry.buffer.data(), flat});
  });
}

void StateSnapshot::save(const StateStore& states) {
  std::size_t i = 0;
  for (const StateStore::Entry& entry : states.entries()) {
    if (i == buffers_.size()) buffers_.push_back(entry.buffer.clone());
    std::memcpy(buffers_[i].data(), entry.buffer.data(), entry.buffer.spec().bytes());
    ++i;
  }
}

void StateSnapshot::restore(StateStore& states) const {
  std::size_t i = 0;
  for (const StateStore::Entry& entry : states.entries()) {
    std::memcpy(entry.buffer.data(), buffers_[i].data(), entry.buffer.spec().bytes());
    ++i;
  }
}

bool DivergenceTracker::before_step(const StateStore& states, std::int64_t step, std::int64_t epoch,
                                    std::int64_t k) {
  if (step % kInterval != 0 || step == step_) return true;
  if (!all_finite(states)) return false;
  snapshot_.save(states);
  step_ = step;
  epoch_ = epoch;
  k_ = k;
  return true;
}

std::string DivergenceTracker::diagnose(StateStore& states, Batches& batches, StepRunner& runner,
                                        std::int64_t step, const StepResult& seen) const {
  snapshot_.restore(states);
  std::string finding = finding_in(states);
  std::int64_t at_step = step_, epoch = epoch_, k = k_;
  batches.start_epoch(static_cast<std::uint32_t>(epoch));
  while (finding.empty()) {
    runner.run_observed(at_step, epoch, k, [&](const Program::Observation& op) {
      if (finding.empty()) finding = finding_in(op);
    });
    if (!finding.empty() || at_step == step) break;
    ++at_step;
    if (++k == batches.count()) {
      k = 0;
      batches.start_epoch(static_cast<std::uint32_t>(++epoch));
    }
  }
  std::string shown = fmt::format("step {}: loss {}", step + 1, seen.loss);
  if (seen.gradient_norm) shown += fmt::format(", gradient norm {}", *seen.gradient_norm);
  shown += "\n";
  if (finding.empty()) {
    return shown + fmt::format(
                       "steps {} to {} were replayed op by op and every value was finite: the step "
                       "does not give the same bits twice\n",
                       step_ + 1, step + 1);
  }
  return shown +
         fmt::format("first value that is not finite: step {} (epoch {}, batch {}), {}\n", at_step + 1,
                     epoch + 1, k + 1, finding) +
         "try a smaller learning_rate, optimizer.clip_norm, or data with normalize\n";
}

}  // namespace assay
