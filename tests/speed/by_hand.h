// Training steps written by hand: what an engineer who knows one network, one batch size and one library
// would write, to be run beside assay's. They read the data and the first weights of the experiment and
// compute the same step, so that their losses can be compared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assay/experiment/problem.h"
#include "assay/program/state.h"

namespace assay::speed {

class HandWritten {
 public:
  virtual ~HandWritten() = default;
  /// Forward, loss, backward, update.
  virtual void step() = 0;
  /// Of the last step, before its update.
  virtual double loss() const = 0;
};

/// One way of writing it. Which is fastest depends on the sizes and the machine: all are tried.
struct Variant {
  std::string name;
  std::function<std::unique_ptr<HandWritten>()> make;
};

/// The ways of writing the experiment's network, or none where there is no program for it. `states` hold its
/// first weights. Problem and states outlive what is made.
std::vector<Variant> variants(const Problem& problem, const StateStore& states);

/// The same network in libtorch, if this was built with it.
std::optional<Variant> libtorch(const Problem& problem, const StateStore& states);

// By kind of network.
std::vector<Variant> plain_loops(const Problem& problem, const StateStore& states);
std::vector<Variant> perceptrons(const Problem& problem, const StateStore& states);
std::vector<Variant> lenets(const Problem& problem, const StateStore& states);
std::vector<Variant> vggs(const Problem& problem, const StateStore& states);

}  // namespace assay::speed
