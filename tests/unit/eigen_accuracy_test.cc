// Sweeps of the functions that the Eigen backend evaluates against their contracts
// (backends/eigen/accuracy.h), on every instruction set.
#include <gtest/gtest.h>

#include <memory>

#include "assay/registry/registry.h"
#include "backends/eigen/accuracy.h"
#include "support/forced_isa.h"
#include "unit/accuracy_sweep.h"

namespace assay {
namespace {

using testing::Claim;
using testing::expect_claim_kept;

class EigenAccuracy : public ::testing::TestWithParam<Isa> {};

Claim claim_of(const eigen::Contract& contract) {
  const bool gelu = contract.op.starts_with("gelu");
  return {std::string(contract.op), gelu ? "tanh" : "", contract.ulp, contract.absolute};
}

TEST_P(EigenAccuracy, EveryFunctionKeepsItsContract) {
  Registry registry;
  register_builtin(registry);
  if (registry.backends.find("eigen") == nullptr) GTEST_SKIP() << "built without Eigen";
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
  const testing::ForcedIsa forced(GetParam());
  const auto backend = registry.create_backend("eigen", {}, 1);
  for (const eigen::Contract& contract : eigen::kContractsF32) {
    expect_claim_kept<float, double>(registry.ops, *backend, claim_of(contract));
  }
  for (const eigen::Contract& contract : eigen::kContractsF64) {
    expect_claim_kept<double, long double>(registry.ops, *backend, claim_of(contract));
  }
}

INSTANTIATE_TEST_SUITE_P(, EigenAccuracy, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace assay
