// How the openmp backend's offers are written: one rule per op that reads the site's shapes and fields into
// the plain structs of kernel_types.h and binds a function of the table for the selected instruction set.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "assay/core/isa.h"
#include "assay/program/kernel_table.h"
#include "backends/openmp/kernels.h"

namespace assay::openmp {

/// The table of one instruction set. REQUIRES: is_supported(isa).
template <class T>
const Kernels<T>& kernels_for(Isa isa);
template <>
const Kernels<float>& kernels_for<float>(Isa isa);
template <>
const Kernels<double>& kernels_for<double>(Isa isa);

/// What a rule plans with.
template <class T>
struct Target {
  const Kernels<T>& kernels;
  Isa isa;
  int threads;

  /// "openmp.gemm.avx512".
  std::string implementation(std::string_view what) const {
    return "openmp." + std::string(what) + "." + std::string(name_of(isa));
  }
};

/// The table that a family of rules is added to.
class Offers {
 public:
  Offers(KernelTable& table, int threads) : table_(table), threads_(threads) {}

  /// A rule for f32 and f64. `rule` is a callable with a template operator()<T>(const Site&, const
  /// Target<T>&) that returns a Plan, a Refusal or an Offer.
  template <class Rule>
  void add(std::string_view op, Rule rule) {
    table_.add(
        op,
        [rule, threads = threads_](const Site& site) -> Offer {
          DType dtype = site.output().dtype;
          for (const Port& port : site.inputs) {
            if (is_real(port.spec.dtype)) dtype = port.spec.dtype;
          }
          const Isa isa = selected_isa();
          if (dtype == DType::f32) {
            return rule(site, Target<float>{kernels_for<float>(isa), isa, threads});
          }
          if (dtype == DType::f64) {
            return rule(site, Target<double>{kernels_for<double>(isa), isa, threads});
          }
          return Refusal{"dtype " + std::string(name_of(dtype)) +
                         " (the openmp backend computes in f32 and f64)"};
        },
        "openmp");
  }

 private:
  KernelTable& table_;
  int threads_;
};

/// The activation that an op computes; nothing where this backend has none of that name.
std::optional<Activation> activation_of(std::string_view op, const Fields& fields);

/// The names that activation_of() knows, without the identity: what may end a fused site.
std::span<const std::string_view> fusible_activations();

/// The activation behind the first op of a fused site; the identity for a site of one op.
Activation fused_activation(const Site& site);

/// Appends the activation's name and accuracy to the plan of a fused site.
void describe_fusion(const Site& site, Plan& plan);

void add_linear_offers(Offers& offers);
/// `winograd`: convolutions may rewrite their algebra.
void add_conv_offers(Offers& offers, bool winograd);
void add_pool_offers(Offers& offers);
void add_dropout_offers(Offers& offers);
void add_gather_offers(Offers& offers);
void add_elementwise_offers(Offers& offers);
void add_activation_offers(Offers& offers);
void add_update_offers(Offers& offers);
void add_reduction_offers(Offers& offers);
void add_loss_offers(Offers& offers);
void add_softmax_offers(Offers& offers);
void add_normalization_offers(Offers& offers);
void add_movement_offers(Offers& offers);

}  // namespace assay::openmp
