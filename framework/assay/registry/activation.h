// Activations for plugins: one generic function becomes an op with its derivative, a layer, and reference
// kernels on every scalar, so that every oracle of the verification applies to it and every backend can run a
// network with it.
//
//   using namespace assay;
//   registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
//
// The function is called with float, double, Quad and Dual, nested up to twice, and returns its argument's
// type. It may use + − × ÷, comparisons and what core/scalar.h declares for every scalar: exp, expm1, log,
// log1p, sqrt, tanh, sin, cos, erf, erfc, pow, abs, sigmoid, softplus, maximum, minimum. Numbers in it are
// ints or doubles: 0.5 * x. A function of
// + − × ÷ and comparisons alone may say add_activation<Scalars::all>(...) and is then also run on exact
// integers.
//
// An activation with fields, or with a derivative by its output, is a type:
//
//   struct Shrink {
//     double width;
//     explicit Shrink(const Fields& fields) : width(fields.number("width")) {}
//     static ActivationInfo info();  // name, formulas, fields: see ops/activation.h
//     template <class T> T operator()(const T& z) const { ... }
//   };
//   registry.add_activation<Shrink>();
#pragma once

#include <string>
#include <utility>

#include "assay/layers/layer.h"
#include "assay/ops/activation.h"
#include "assay/program/generic_activation.h"
#include "assay/registry/registry.h"

namespace assay {

/// The parts that do not depend on the function: op, gradient op and layer.
void register_activation(Registry& registry, const ActivationInfo& info);

template <Scalars scalars, class F>
void Registry::add_activation(const std::string& name, F function, const ActivationText& text) {
  ActivationInfo info;
  info.name = name;
  info.formula = text.formula.empty() ? "y = " + name + "(x)" : text.formula;
  info.derivative_formula = text.derivative_formula.empty() ? "f′ by dual numbers" : text.derivative_formula;
  info.polynomial = scalars == Scalars::all;
  register_activation(*this, info);
  const auto make = [function](const Fields&) { return function; };
  add_kernel("reference", name, activation_kernel<scalars>(make));
  add_kernel("reference", name + "_grad", activation_gradient_kernel<scalars>(make));
}

template <class A, Scalars scalars>
void Registry::add_activation() {
  const ActivationInfo info = A::info();
  register_activation(*this, info);
  const auto make = [](const Fields& fields) { return A(fields); };
  add_kernel("reference", info.name, activation_kernel<scalars>(make));
  add_kernel("reference", info.name + "_grad", activation_gradient_kernel<scalars>(make));
}

}  // namespace assay
