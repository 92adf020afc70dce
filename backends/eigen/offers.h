// How the Eigen backend's offers are written: one rule per op that reads the site's shapes and fields into
// the plain structs of isa/kernels.h and binds a function of the table for the selected instruction set.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "assay/core/isa.h"
#include "assay/program/kernel_table.h"
#include "backends/eigen/isa/kernels.h"

namespace assay::eigen {

/// The table of one instruction set. REQUIRES: is_supported(isa).
template <class T>
const Kernels<T>& kernels_for(Isa isa);

/// "eigen.gemm.avx512".
template <class T>
std::string implementation(std::string_view what, const Kernels<T>& kernels) {
  return "eigen." + std::string(what) + "." + kernels.isa;
}

/// An offer in f32 and f64. `generic` is a callable with a template operator()<T>(const Site&, const
/// Kernels<T>&) that returns a Plan, a Refusal or an Offer.
template <class Generic>
OfferRule for_f32_and_f64(Generic generic) {
  return [generic](const Site& site) -> Offer {
    DType dtype = site.output().dtype;
    for (const Port& port : site.inputs) {
      if (is_real(port.spec.dtype)) dtype = port.spec.dtype;
    }
    const Isa isa = selected_isa();
    if (dtype == DType::f32) return generic.template operator()<float>(site, kernels_for<float>(isa));
    if (dtype == DType::f64) return generic.template operator()<double>(site, kernels_for<double>(isa));
    return Refusal{"dtype " + std::string(name_of(dtype)) + " (the Eigen backend computes in f32 and f64)"};
  };
}

/// A unary function bound to its parameter.
template <class T>
struct UnaryFunction {
  typename Kernels<T>::UnaryKernel run = nullptr;  ///< null: the identity, nothing to run
  T parameter = T(0);
};

/// Which unary kernel computes an op, or why none does.
struct UnaryChoice {
  Unary function;
  double parameter;
};
std::variant<UnaryChoice, Refusal> choose_unary(std::string_view op, const Fields& fields);

/// The activation that ends a fused site, nothing for a site of one op.
template <class T>
std::variant<UnaryFunction<T>, Refusal> fused_activation(const Site& site, const Kernels<T>& kernels) {
  if (site.ops.size() == 1) return UnaryFunction<T>{};
  const SiteOp& last = site.ops.back();
  const auto choice = choose_unary(last.op->name, *last.fields);
  if (const auto* refusal = std::get_if<Refusal>(&choice)) return *refusal;
  const auto& chosen = std::get<UnaryChoice>(choice);
  return UnaryFunction<T>{kernels.unary[static_cast<int>(chosen.function)], static_cast<T>(chosen.parameter)};
}

/// Appends the activation's name and accuracy to the plan of a fused site.
void describe_fusion(const Site& site, Plan& plan);

/// The activations that may end a fused site.
std::span<const std::string_view> fusible_activations();

/// The rules that take an activation behind their op.
OfferRule linear_rule();
OfferRule conv2d_rule();
/// The rule for descent_pattern().
OfferRule descent_rule();

void add_linear_kernels(KernelTable& kernels, std::string_view owner);
void add_conv_kernels(KernelTable& kernels, std::string_view owner);
void add_elementwise_kernels(KernelTable& kernels, std::string_view owner);
void add_activation_kernels(KernelTable& kernels, std::string_view owner);
void add_movement_kernels(KernelTable& kernels, std::string_view owner);
void add_pool_kernels(KernelTable& kernels, std::string_view owner);
void add_normalization_kernels(KernelTable& kernels, std::string_view owner);
void add_softmax_kernels(KernelTable& kernels, std::string_view owner);
void add_dropout_kernels(KernelTable& kernels, std::string_view owner);
void add_update_kernels(KernelTable& kernels, std::string_view owner);

}  // namespace assay::eigen
