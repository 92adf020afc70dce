#include "assay/experiment/divergence.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>

namespace assay {
namespace {

std::optional<std::int64_t> first_not_finite(const TensorView& tensor) {
  if (!is_real(tensor.spec.dtype)) return std::nullopt;
  for (std::int64_t i = 0; i < tensor.spec.count(); ++i) {
    if (!std::isfinite(element(tensor, i))) return i;
  }
  return std::nullopt;
}

std::string place(const Placement& placement) {
  return fmt::format("op '{}'{}{} on {} ({})", placement.op, placement.backward ? " (backward)" : "",
                     placement.scope.empty() ? "" : fmt::format(" of '{}'", placement.scope),
                     placement.backend, placement.implementation);
}

}  // namespace

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

void DivergenceTracker::before_step(const StateStore& states, std::int64_t step, std::int64_t epoch,
                                    std::int64_t k) {
  if (step % kInterval != 0) return;
  snapshot_.save(states);
  step_ = step;
  epoch_ = epoch;
  k_ = k;
}

std::string DivergenceTracker::diagnose(StateStore& states, Batches& batches, StepRunner& runner,
                                        std::int64_t step, std::int64_t epoch, std::int64_t k,
                                        const StepResult& seen) const {
  snapshot_.restore(states);
  std::int64_t at_epoch = epoch_, at_k = k_;
  batches.start_epoch(static_cast<std::uint32_t>(at_epoch));
  for (std::int64_t s = step_; s < step; ++s) {
    runner.run(s, at_epoch, at_k);
    if (++at_k == batches.count()) {
      at_k = 0;
      batches.start_epoch(static_cast<std::uint32_t>(++at_epoch));
    }
  }
  std::string text = fmt::format("step {} (epoch {}, batch {}): loss {}, gradient norm {}\n", step + 1,
                                 epoch + 1, k + 1, seen.loss, seen.gradient_norm);
  std::string finding;
  const auto observe = [&](const Program::Observation& op) {
    if (!finding.empty()) return;
    for (std::size_t o = 0; o < op.outputs.size() && finding.empty(); ++o) {
      const auto element_index = first_not_finite(op.outputs[o]);
      if (!element_index) continue;
      bool inputs_finite = true;
      for (const TensorView& input : op.inputs) {
        // An output written in place has replaced its input, which says nothing any more.
        if (input.data != op.outputs[o].data && first_not_finite(input)) inputs_finite = false;
      }
      finding = fmt::format(
          "first not finite: {}, output {} {} element {}: {}{}\n", place(op.placement), o,
          op.outputs[o].spec.to_string(), *element_index, element(op.outputs[o], *element_index),
          inputs_finite ? ", from finite operands" : ", from an operand that was not finite already");
    }
  };
  runner.run_observed(step, epoch, k, observe);
  if (finding.empty())
    finding = "every single op gave finite values in the replay: the step is not reproducible\n";
  return text + finding + "try a smaller learning_rate, optimizer.clip_norm, or data with normalize\n";
}

}  // namespace assay
