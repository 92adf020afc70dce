// One registry taken into another, whole or not at all.
#include <gmock/gmock.h>

#include "assay/core/error.h"
#include "assay/registry/activation.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class Merge : public ::testing::Test {
 protected:
  Merge() { register_builtin(registry_); }

  // What merging says, "" where it succeeds.
  std::string merge() {
    try {
      registry_.merge(plugin_);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
  // A good thing beside the one that is wrong.
  void add_good() {
    plugin_.add_activation("good", [](auto x) { return x; });
  }
  void expect_refusal(const std::string& says) {
    const auto layers = registry_.layers.names();
    EXPECT_THAT(merge(), HasSubstr(says));
    EXPECT_EQ(registry_.ops.find("good"), nullptr);
    EXPECT_EQ(registry_.layers.names(), layers);
    EXPECT_FALSE(registry_.kernels("reference").entries().contains("good"));
  }
  static Offer refuse(const Site&) { return Refusal{"no"}; }

  Registry registry_;
  Registry plugin_{"a plugin"};
};

TEST_F(Merge, TakesEverythingUnderItsOwner) {
  add_good();
  plugin_.add_kernel("eigen", "neg", refuse);
  EXPECT_EQ(merge(), "");
  EXPECT_EQ(registry_.ops.owner("good"), "a plugin");
  EXPECT_EQ(registry_.layers.owner("good"), "a plugin");
  EXPECT_EQ(registry_.kernels("reference").entries().at("good").front().owner, "a plugin");
  EXPECT_EQ(registry_.kernels("eigen").entries().at("neg").front().owner, "a plugin");
  EXPECT_EQ(registry_.kernels("eigen").entries().at("neg").back().owner, "built-in");
}

TEST_F(Merge, RefusesANameThatIsTakenInAnyTable) {
  add_good();
  plugin_.add_optimizer({.name = "adam", .summary = "", .formula = "", .update = [](UpdateBuilder&) {}});
  expect_refusal("the optimizer 'adam' is registered twice: by built-in and by a plugin");
}

TEST_F(Merge, RefusesADefinitionThatLacksAPart) {
  add_good();
  plugin_.add_optimizer({.name = "still", .summary = "", .formula = ""});
  expect_refusal("the optimizer 'still' of a plugin has no update rule");
}

TEST_F(Merge, RefusesAnOpThatNothingComputes) {
  add_good();
  OpDef op;
  op.name = "idle";
  op.infer = [](const Call&) { return std::vector<Spec>{}; };
  plugin_.add_op(op);
  expect_refusal("nothing can compute the op 'idle' of a plugin");
}

TEST_F(Merge, RefusesABadName) {
  add_good();
  plugin_.add_layer(
      {.name = "My Layer", .summary = "", .formula = "", .build = [](LayerBuilder& b) { return b.input(); }});
  expect_refusal("has no good name");
}

TEST_F(Merge, RefusesKernelsThatNobodyWouldAsk) {
  add_good();
  plugin_.add_kernel("eigne", "neg", refuse);
  expect_refusal("a similar backend exists: 'eigen'");
}

TEST_F(Merge, RefusesAKernelForAnUnknownOp) {
  add_good();
  plugin_.add_kernel("reference", "ngg", refuse);
  expect_refusal("nobody registered that op");
}

TEST_F(Merge, TheReferenceStaysTheDefinitionOfAnOp) {
  add_good();
  plugin_.add_kernel("reference", "neg", refuse);
  expect_refusal("would define anew what that op is");
}

}  // namespace
}  // namespace assay
