// One op as a program of its own on one backend, on operands of random numbers in the layouts that its kernel
// wants, to be timed without the steps that only move values.
#pragma once

#include <ctime>
#include <memory>
#include <string>

#include "assay/graph/op.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay::speed {

class SingleOp {
 public:
  /// Real operands are f32, and results that take an operand's place do so here. Throws Error for what the
  /// backend refuses.
  SingleOp(const Registry& registry, const std::string& backend, int threads, const std::string& op,
           const Case& operands);

  /// Seconds of one run, by the clock.
  double run(clockid_t clock);
  double multiply_adds() const { return multiply_adds_; }
  /// Of the operands and results.
  double bytes() const { return bytes_; }
  std::string implementation() const { return program_->placements().front().implementation; }

 private:
  std::unique_ptr<Backend> reference_, backend_;
  StateStore states_;
  Arena arena_;
  std::unique_ptr<Program> program_;
  double multiply_adds_ = 0, bytes_ = 0;
};

}  // namespace assay::speed
