// The step of gradient descent that is taken in the product which makes its gradient.
#include "assay/program/descent.h"

#include <gtest/gtest.h>

#include <variant>

#include "assay/verify/op_site.h"
#include "conformance/builtin.h"

namespace assay::conformance {
namespace {

// Panels of a longer product would each round the weight: as many steps as there are panels. (The backends
// assert that so many terms are one panel.)
TEST(Descent, IsFusedUpToItsLimitOfTerms) {
  int fusing = 0;
  for (const std::string& name : builtin().backends.names()) {
    const auto backend = builtin().create_backend(name, {}, 1);
    bool fuses = false;
    for (const Pattern& pattern : backend->patterns())
      fuses = fuses || pattern.steps == descent_pattern().steps;
    if (!fuses) continue;
    ++fusing;
    for (const bool transposed : {false, true}) {
      for (const std::int64_t terms : {kDescentTerms, kDescentTerms + 1}) {
        const Case product{"",
                           {{transposed ? Shape{terms, 3} : Shape{3, terms}}, {Shape{terms, 5}}},
                           {{"transpose_a", transposed}}};
        const verify::ChainSite chain = verify::make_chain_site(builtin().ops, builtin().ops.at("matmul"),
                                                                {"sgd_update"}, product, DType::f32);
        const Offer offer = backend->offer(chain.site());
        EXPECT_EQ(std::holds_alternative<Plan>(offer), terms == kDescentTerms)
            << name << ", " << terms << " terms";
      }
    }
  }
  EXPECT_GT(fusing, 0);
}

}  // namespace
}  // namespace assay::conformance
