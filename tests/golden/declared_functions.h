// Activation functions on Bound scalars, granted what a backend declares: where its plan for the op carries
// an accuracy contract, the error of the contract; where it has none, or the reference takes the op, the
// composition of the library's functions, each within the 2 ulp that glibc's manual ("Errors in Math
// Functions") states for exp, expm1 and tanh.
#pragma once

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "assay/core/bound.h"
#include "assay/ops/activation.h"
#include "assay/program/place.h"
#include "assay/registry/registry.h"

namespace assay::golden {

template <class Narrow>
class DeclaredFunctions {
 public:
  using S = Bound<Quad, Narrow>;

  DeclaredFunctions(const Registry& registry, const std::string& backend, DType dtype)
      : registry_(registry), backend_(registry.create_backend(backend, {}, 1)), dtype_(dtype) {}

  S activate(const std::string& type, const S& z) const {
    const WithContract library({.ulp = kLibraryUlp});
    const S composed = value(type, z);
    const Accuracy accuracy = declared(type, 1);
    if (accuracy.ulp == 0) return composed;
    const double propagated = z.error() * slope_at_most(type);
    return S::term(composed.value, propagated + granted(composed.value, accuracy));
  }

  // The derivative that is multiplied into the cotangent: f′ itself as the backend evaluates it.
  S slope(const std::string& type, const S& z, const S& a) const {
    const WithContract library({.ulp = kLibraryUlp});
    const S composed = derivative(type, z, a);
    const Accuracy accuracy = declared(type + "_grad", 2);
    if (accuracy.ulp == 0) return composed;
    return S::term(composed.value, composed.error() + granted(composed.value, accuracy));
  }

 private:
  static constexpr double kLibraryUlp = 2.0;

  static double granted(const Quad& value, const Accuracy& accuracy) {
    const double rounding = S::unit() * S::size_of(value);
    return std::max(2 * accuracy.ulp * rounding, accuracy.absolute) + rounding;
  }
  static double slope_at_most(const std::string& type) {
    if (type == "sigmoid") return 0.25;
    return type == "selu" ? Selu::kScale * Selu::kAlpha : 1.0;
  }

  static S value(const std::string& type, const S& z) {
    const Fields none;
    if (type == "sigmoid") return Sigmoid(none)(z);
    if (type == "tanh") return Tanh(none)(z);
    if (type == "relu") return Relu(none)(z);
    if (type == "selu") return Selu(none)(z);
    if (type == "identity") return z;
    throw std::runtime_error("no formula for activation '" + type + "'");
  }
  // The article's derivatives, and selu's: λ where z > 0, and λα e^z elsewhere.
  static S derivative(const std::string& type, const S& z, const S& a) {
    if (type == "sigmoid") return Sigmoid::by_output(a);
    if (type == "tanh") return Tanh::by_output(a);
    if (type == "identity") return S(1.0);
    // Where the sign of z is within its error, either side may be taken and no bound holds.
    if (abs(z.value) <= z.error()) throw std::runtime_error("the sign of a pre-activation is undecided");
    if (type == "relu") return S(z.value > Quad(0) ? 1.0 : 0.0);
    return z.value > Quad(0) ? S(Selu::kScale) : S(Selu::kScale * Selu::kAlpha) * exp(z);
  }

  Accuracy declared(const std::string& op, std::size_t operands) const {
    if (registry_.ops.find(op) == nullptr) return {};
    Graph graph(registry_.ops);
    std::vector<Value> inputs;
    for (std::size_t i = 0; i < operands; ++i)
      inputs.push_back(graph.input(std::to_string(i), Spec{dtype_, Shape{1, 1}}));
    const Value result = graph.apply(op, inputs, Fields{});
    const std::int32_t nodes[] = {result.id().node};
    const Offer offer = backend_->offer(make_site(graph, nodes).site);
    const Plan* plan = std::get_if<Plan>(&offer);
    return plan == nullptr ? Accuracy{} : plan->accuracy;
  }

  const Registry& registry_;
  std::unique_ptr<Backend> backend_;
  DType dtype_;
};

}  // namespace assay::golden
