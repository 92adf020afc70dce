// Running error analysis as a graph transformation (Higham, "Accuracy and Stability of Numerical Algorithms",
// section 3.3): beside every value a bound on its error, when it is computed in a narrower format from exact
// inputs. Coarse ops go through their expansion. Every elementary operation is granted two roundings, which
// covers the reassociation of products and quotients; sums are bounded by γ_n for any order.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assay/graph/graph.h"
#include "assay/program/backend.h"

namespace assay::conformance {

struct Bounded {
  Value value;  ///< in quad; of another dtype for indices and masks
  Value error;  ///< empty for an exact value
};

/// The format a kernel computes in.
struct Format {
  double unit_roundoff;  ///< half the distance from 1 to the next number
  double smallest;       ///< the smallest subnormal: what underflow may cost
};
Format format_of(DType dtype);

class RunningError {
 public:
  /// Emits into `graph`. `accuracy` is the contract of the functions that the kernel under test evaluates.
  RunningError(Graph& graph, Format format, const Accuracy& accuracy)
      : graph_(graph), format_(format), accuracy_(accuracy) {}

  /// Whether apply() can bound the op: by a rule of its own or through its expansion.
  bool knows(const OpDef& op) const;

  /// All outputs of the op with their bounds. REQUIRES: knows(op).
  std::vector<Bounded> apply(const OpDef& op, std::span<const Bounded> inputs, const Fields& fields);

 private:
  std::vector<Bounded> expand(const OpDef& op, std::span<const Bounded> inputs, const Fields& fields);
  Value constant(double number);
  Value error(const Bounded& x);
  Value magnitude(const Bounded& x);
  Value rounding(Value result);
  Value contract(Value result, Value scale);
  Bounded product(const OpDef& op, std::span<const Bounded> inputs, const Fields& fields);
  Bounded sum(const OpDef& op, const Bounded& x, const Fields& fields);
  Bounded quotient(const Bounded& a, const Bounded& b);
  Bounded function(const OpDef& op, const Bounded& x, const Fields& fields);
  std::vector<Bounded> adam(std::span<const Bounded> inputs, const Fields& fields, bool decoupled);
  Bounded smoothed(Value one_hot, const Fields& fields);
  std::vector<Bounded> cross_entropy(std::span<const Bounded> inputs, const Fields& fields);
  std::vector<Bounded> cross_entropy_grad(std::span<const Bounded> inputs, const Fields& fields);

  Bounded plus(const Bounded& a, const Bounded& b);
  Bounded minus(const Bounded& a, const Bounded& b);
  Bounded times(const Bounded& a, const Bounded& b);
  Bounded root(const Bounded& x);
  Bounded rounded(double number);

  Graph& graph_;
  Format format_;
  Accuracy accuracy_;
};

}  // namespace assay::conformance
