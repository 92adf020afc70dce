// Backend: answers one question about a site in the graph — would you take this, and how? One override makes
// a backend.
//
// A complete backend that accelerates one op and leaves the rest to the reference, visibly:
//
//   class Doubler final : public assay::Backend {
//    public:
//     std::string_view name() const noexcept override { return "doubler"; }
//     assay::Offer offer(const assay::Site& site) const override {
//       if (site.ops.size() != 1 || site.op().name != "neg") return assay::Refusal{"only neg is
//       implemented"}; if (site.input(0).dtype != assay::DType::f32) return assay::Refusal{"only f32 is
//       implemented"}; const std::int64_t n = site.input(0).count(); return assay::make_plan("doubler.neg",
//       [n](const assay::Io& io) {
//         for (std::int64_t i = 0; i < n; ++i) io.out<float>(0)[i] = -io.in<float>(0)[i];
//       });
//     }
//   };
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "assay/core/shape.h"
#include "assay/graph/op.h"
#include "assay/program/kernel.h"

namespace assay {

/// How a value lies in memory. Canonical is dense and row-major; any other layout is private to the backend
/// that named it. Where such a buffer holds more than the elements, a kernel leaves that padding as the
/// backend's reorder does: readers may count on it (zeros that enter a product, say).
struct Layout {
  std::string key;  ///< empty: canonical
  std::size_t bytes =
      0;  ///< of the whole buffer, padding included; 0 with the canonical layout: Spec::bytes()

  bool canonical() const { return key.empty(); }
  std::size_t bytes_of(const Spec& spec) const { return canonical() ? spec.bytes() : bytes; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// A value at the boundary of a site.
struct Port {
  Spec spec;
  /// Of an input: as it lies now. Of an output: as its reader would have it, where that is known (a gradient
  /// as the weight lies that it changes); it binds nobody.
  Layout layout;
  /// An input whose layout is still to be chosen: a state that no kernel has claimed yet.
  bool layout_free = false;
  /// Of an input whose layout is free: nothing else reads it but the op that makes its successor.
  bool read_once = false;
};

/// Where an op inside a site takes an operand from: the site's own input, or an earlier op of the site.
struct Operand {
  int op = -1;  ///< -1: the site's input `index`; else output `index` of ops[op]
  int index = 0;
};

struct SiteOp {
  const OpDef* op = nullptr;
  const Fields* fields = nullptr;
  std::vector<Operand> operands;
  std::vector<Spec> inputs;
  std::vector<Spec> outputs;
};

/// One op, or a pattern of ops to be fused. Its outputs: all of the last op, then those of the others but 0.
struct Site {
  std::vector<SiteOp> ops;
  std::vector<Port> inputs;
  std::vector<Port> outputs;

  const OpDef& op() const { return *ops.front().op; }
  const Fields& fields() const { return *ops.front().fields; }
  const Spec& input(std::size_t i) const { return inputs[i].spec; }
  const Spec& output(std::size_t i = 0) const { return outputs[i].spec; }
};

/// Another formula than the op's own by which a kernel computes it: its errors are other ones.
struct Algebra {
  std::string name{};  ///< "winograd"; empty: the op's own formula
  /// The first op of a site by this formula, for a site that is that op alone with scalars of whatever dtype:
  /// the kernel is judged by the errors that it has on bound32 and bound64. Null where the formula does not
  /// apply; without it the kernel cannot be judged.
  std::function<KernelPtr(const Site&)> formula{};
};

/// What a kernel promises about its rounding; read by the verification.
struct Accuracy {
  /// Height of the tallest chain of additions behind one output element; 0: any order, the number of terms
  /// bounds it.
  std::int64_t height = 0;
  /// Contract of the function evaluated: error ≤ max(ulp units in the last place, absolute). 0: correctly
  /// rounded.
  double ulp = 0.0;
  double absolute = 0.0;
  Algebra algebra{};
  /// Whether a NaN among the terms of a result makes it NaN, as the formula does. False hides that a network
  /// has diverged.
  bool keeps_nan = true;
};

/// Output `output` may be written over input `input`.
struct InPlace {
  int output = 0;
  int input = 0;
};

/// How a backend takes a site. Planning may be slow; `bind` is called once if the plan is chosen.
struct Plan {
  std::string implementation;     ///< "openmp.gemm.avx512", shown in the placement table
  std::vector<Layout> inputs{};   ///< wanted of each input; empty: canonical all
  std::vector<Layout> outputs{};  ///< produced; empty: canonical all
  std::size_t scratch_bytes = 0;
  std::vector<InPlace> in_place{};
  Accuracy accuracy{};
  std::function<KernelPtr()> bind;

  Layout input_layout(std::size_t i) const { return inputs.empty() ? Layout{} : inputs[i]; }
  Layout output_layout(std::size_t i) const { return outputs.empty() ? Layout{} : outputs[i]; }
};

/// An expected "no", in words a user can act on: "dtype f64 (this backend has f32 only)".
struct Refusal {
  std::string reason;
};

using Offer = std::variant<Plan, Refusal>;

/// A plan in canonical layouts around a callable `void(const Io&)`.
template <class F>
Plan make_plan(std::string implementation, F function) {
  Plan plan;
  plan.implementation = std::move(implementation);
  plan.bind = [function] { return make_kernel(function); };
  return plan;
}

/// A chain of ops that a backend can take as one: each op consumes output 0 of the one before (as any
/// operand), which has no other use. Each step lists the names it accepts.
struct Pattern {
  std::string name;
  std::vector<std::vector<std::string>> steps;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const noexcept = 0;
  /// Supports, dispatches and plans in one answer. Does not throw for what it cannot do: it refuses.
  virtual Offer offer(const Site& site) const = 0;
  /// Fusions to try, longest first.
  virtual std::span<const Pattern> patterns() const { return {}; }
  /// A kernel of one input and one output that changes the layout of a value; null where neither layout is
  /// this backend's.
  virtual KernelPtr reorder(const Spec&, const Layout& /*from*/, const Layout& /*to*/) const {
    return nullptr;
  }
  /// "onednn 2.6.3, 2 threads, avx512_core": for the run record.
  virtual std::string description() const { return std::string(name()); }
};

}  // namespace assay
