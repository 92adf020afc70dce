// Sweeps of the functions that the openmp backend evaluates against their contracts
// (backends/openmp/accuracy.h), on every instruction set.
#include <gtest/gtest.h>

#include <memory>

#include "assay/registry/registry.h"
#include "backends/openmp/accuracy.h"
#include "support/forced_isa.h"
#include "unit/accuracy_sweep.h"

namespace assay {
namespace {

using testing::Claim;
using testing::expect_claim_kept;

class OpenmpAccuracy : public ::testing::TestWithParam<Isa> {};

Claim claim_of(const openmp::Contract& contract) {
  return {std::string(contract.op), std::string(contract.form), contract.ulp, contract.absolute};
}

TEST_P(OpenmpAccuracy, EveryFunctionKeepsItsContract) {
  Registry registry;
  register_builtin(registry);
  if (registry.backends.find("openmp") == nullptr) GTEST_SKIP() << "built without OpenMP";
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
  const testing::ForcedIsa forced(GetParam());
  const auto backend = registry.create_backend("openmp", {}, 1);
  for (const openmp::Contract& contract : openmp::kContractsF32) {
    expect_claim_kept<float, double>(registry.ops, *backend, claim_of(contract));
  }
  for (const openmp::Contract& contract : openmp::kContractsF64) {
    expect_claim_kept<double, long double>(registry.ops, *backend, claim_of(contract));
  }
}

INSTANTIATE_TEST_SUITE_P(, OpenmpAccuracy, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace assay
