// Backends of plugins are held to what they promise when they are made; what their offers are held to is
// tested with a plugin (plugin_sdk/wrong_test.cc).
#include <gmock/gmock.h>

#include <cmath>
#include <stdexcept>

#include "assay/core/error.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class NamedBackend final : public Backend {
 public:
  NamedBackend(std::string name, std::vector<Pattern> patterns)
      : name_(std::move(name)), patterns_(std::move(patterns)) {}
  std::string_view name() const noexcept override { return name_; }
  Offer offer(const Site&) const override { return Refusal{"never"}; }
  std::span<const Pattern> patterns() const override { return patterns_; }

 private:
  std::string name_;
  std::vector<Pattern> patterns_;
};

// What is said of a plugin's backend "mine" that is made so; "" where nothing is.
std::string said_of_backend(std::function<std::unique_ptr<Backend>(const BackendContext&)> create) {
  Registry registry, plugin("a plugin");
  register_builtin(registry);
  plugin.add_backend({.name = "mine", .summary = "", .create = std::move(create)});
  registry.merge(plugin);
  try {
    registry.create_backend("mine", {}, 1);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::unique_ptr<Backend> with_patterns(std::vector<Pattern> patterns) {
  return std::make_unique<NamedBackend>("mine", std::move(patterns));
}

TEST(GuardedBackend, IsOneOfItsName) {
  EXPECT_EQ(said_of_backend([](const BackendContext&) { return with_patterns({}); }), "");
  EXPECT_THAT(said_of_backend([](const BackendContext&) -> std::unique_ptr<Backend> { return nullptr; }),
              AllOf(HasSubstr("makes no backend"), HasSubstr("from a plugin")));
  EXPECT_THAT(said_of_backend([](const BackendContext&) -> std::unique_ptr<Backend> {
                return std::make_unique<NamedBackend>("other", std::vector<Pattern>{});
              }),
              HasSubstr("makes a backend that is named 'other'"));
  EXPECT_THAT(said_of_backend(
                  [](const BackendContext&) -> std::unique_ptr<Backend> { throw std::runtime_error("no"); }),
              HasSubstr("the function create of backend 'mine' threw an exception: no"));
}

TEST(GuardedBackend, HasPatternsThatAreChains) {
  const auto said_of = [](const Pattern& pattern) {
    return said_of_backend([pattern](const BackendContext&) { return with_patterns({pattern}); });
  };
  EXPECT_EQ(said_of({"two", {{"linear"}, {"relu", "tanh"}}}), "");
  EXPECT_THAT(said_of({"none", {}}), HasSubstr("pattern 'none' is no chain"));
  EXPECT_THAT(said_of({"one", {{"linear"}}}), HasSubstr("pattern 'one' is no chain"));
  EXPECT_THAT(said_of({"gap", {{"linear"}, {}}}), HasSubstr("pattern 'gap' is no chain"));
}

// What is said of a plugin's op "mine" of two inputs, taken over and asked for its work.
std::string said_of_op(std::vector<Neutral> neutral, double multiply_adds) {
  Registry registry, plugin("a plugin");
  register_builtin(registry);
  OpDef op = *registry.ops.find("add");
  op.name = "mine";
  op.neutral = std::move(neutral);
  op.multiply_adds = [multiply_adds](const Call&, std::span<const Spec>) { return multiply_adds; };
  plugin.add_op(std::move(op));
  plugin.add_kernel("reference", "mine", [](const Site&) { return Refusal{"never"}; });
  try {
    registry.merge(plugin);
    (void)registry.ops.at("mine").multiply_adds(Call{{}, Fields{}}, {});
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(GuardedOp, IsHeldToWhatItSaysOfItself) {
  EXPECT_EQ(said_of_op({{0, 0.0}, {1, 0.0}}, 3.0), "");
  EXPECT_THAT(said_of_op({{2, 0.0}}, 3.0), AllOf(HasSubstr("operand 2 of 2"), HasSubstr("from a plugin")));
  EXPECT_THAT(said_of_op({}, -1.0), HasSubstr("the count of multiply-adds of op 'mine' is -1"));
  EXPECT_THAT(said_of_op({}, std::nan("")), HasSubstr("is nan"));
}

}  // namespace
}  // namespace assay
