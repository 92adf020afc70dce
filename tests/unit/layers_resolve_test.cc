// Names, inputs and blocks of a model, and every message about them.
#include <gtest/gtest.h>

#include "assay/core/error.h"
#include "assay/layers/resolve.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

class ResolveTest : public ::testing::Test {
 protected:
  ResolveTest() { register_builtin(registry_); }

  std::vector<ResolvedLayer> resolve(const std::vector<LayerConfig>& layers) {
    return resolve_layers(layers, registry_.layers);
  }
  std::string error_of(const std::vector<LayerConfig>& layers) {
    try {
      resolve(layers);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  Registry registry_;
};

LayerConfig dense(std::string name = "", std::vector<std::string> inputs = {}) {
  return {.type = "dense",
          .name = std::move(name),
          .inputs = std::move(inputs),
          .fields = {{"units", std::int64_t{2}}}};
}
LayerConfig plain(std::string type, std::vector<std::string> inputs = {}, std::string name = "") {
  return {.type = std::move(type), .name = std::move(name), .inputs = std::move(inputs)};
}
LayerConfig residual(std::vector<LayerConfig> layers) {
  return {.type = "residual", .layers = std::move(layers)};
}

std::vector<std::string> names_of(const std::vector<ResolvedLayer>& layers) {
  std::vector<std::string> names;
  for (const ResolvedLayer& layer : layers) names.push_back(layer.name);
  return names;
}
using Names = std::vector<std::string>;

TEST_F(ResolveTest, NumbersLayersByTypeAndPosition) {
  EXPECT_EQ(names_of(resolve({dense(), plain("relu"), dense("middle"), plain("relu"), dense()})),
            (Names{"dense1", "relu1", "middle", "relu2", "dense3"}));
}

TEST_F(ResolveTest, CountsBlocksInTheOrderOfTheFile) {
  const auto layers =
      resolve({dense(), residual({dense(), residual({plain("tanh")}), plain("relu")}), residual({dense()})});
  // A block is evaluated before the layer that holds it, but was met after it.
  EXPECT_EQ(names_of(layers),
            (Names{"dense1", "dense2", "tanh1", "residual2", "relu1", "residual1", "dense3", "residual3"}));
  const std::vector<std::vector<int>> inputs{{-1}, {0}, {1}, {1, 2}, {3}, {0, 4}, {5}, {5, 6}};
  const std::vector<int> depths{0, 1, 2, 1, 1, 0, 1, 0};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(layers[i].inputs, inputs[i]) << layers[i].name;
    EXPECT_EQ(layers[i].depth, depths[i]) << layers[i].name;
  }
}

TEST_F(ResolveTest, ReadsLayersAboveAndTheModelsInput) {
  const auto layers = resolve({dense("a"), dense("b", {"input"}), plain("concat", {"a", "b", "input"})});
  EXPECT_EQ(layers[1].inputs, (std::vector<int>{ResolvedLayer::kModelInput}));
  EXPECT_EQ(layers[2].inputs, (std::vector<int>{0, 1, ResolvedLayer::kModelInput}));
}

TEST_F(ResolveTest, FillsInDefaults) { EXPECT_TRUE(resolve({dense()}).front().fields.boolean("bias")); }

struct ResolveFinding {
  std::string label;
  std::vector<LayerConfig> layers;
  std::string message;
};

TEST_F(ResolveTest, SaysWhatIsWrong) {
  const ResolveFinding table[] = {
      {"no layers",
       {},
       "error: the model has no layers\n = help: give at least one, such as {type: dense, units: 1}\n"},
      {"type", {plain("relo")}, "error: unknown layer 'relo'\n = help: a similar layer exists: 'relu'\n"},
      {"field",
       {{.type = "dense", .fields = {{"unit", std::int64_t{2}}}}},
       "error: unknown field 'unit' of layer 'dense'\n = help: a similar field exists: 'units'\n"},
      {"duplicate",
       {dense("a"), plain("relu", {}, "a")},
       "error: two layers are named 'a'\n = help: give one of them another name\n"},
      {"a name that numbering takes, too",
       {dense("dense2"), dense()},
       "error: two layers are named 'dense2'\n"
       " = help: give one of them another name\n"
       " = note: the one without a name is number 2 of type 'dense'\n"},
      {"reserved",
       {dense("input")},
       "error: a layer cannot be named 'input'\n = note: 'input' is the model's input\n"},
      {"characters",
       {dense("a/b")},
       "error: 'a/b' cannot name a layer\n = help: use letters, digits, '_', '-' and '.'\n"},
      {"unknown input",
       {dense("hidden"), plain("relu", {"hiden"})},
       "error: layer 'relu1' reads 'hiden', but no layer has that name\n"
       " = help: a similar layer exists: 'hidden'\n"},
      {"input below",
       {dense("a", {"b"}), dense("b")},
       "error: layer 'a' reads 'b', which does not stand above it\n = help: layers above it: input\n"},
      {"itself",
       {dense("a"), dense("b", {"b"})},
       "error: layer 'b' reads 'b', which does not stand above it\n = help: layers above it: input, a\n"},
      {"a block's holder from inside",
       {residual({dense("a", {"residual1"})})},
       "error: layer 'a' reads 'residual1', which does not stand above it\n = help: layers above it: "
       "input\n"},
      {"two inputs",
       {dense("a"), dense("b", {"input"}), plain("relu", {"a", "b"})},
       "error: layer 'relu1' (relu) reads one input, but 2 are named: a, b\n"
       " = help: bring them together first with add, multiply or concat\n"},
      {"one input",
       {dense(), plain("add")},
       "error: layer 'add1' (add) reads two or more inputs, but one is given\n"
       " = help: name them: inputs: [FIRST, SECOND]\n"},
      {"empty block",
       {residual({})},
       "error: layer 'residual1' (residual) holds no layers\n = help: give its block: layers: [...]\n"},
      {"block in a layer without one",
       {{.type = "relu", .layers = {dense()}}},
       "error: layer 'relu1' (relu) cannot hold layers\n = help: a block of layers stands in a residual "
       "layer\n"},
      {"unread",
       {dense("a"), dense("b", {"input"})},
       "error: nothing reads the output of layer 'a'\n"
       " = help: name it in the inputs of a layer below, or remove it; the model's output is that of its "
       "last layer, "
       "'b'\n"},
  };
  for (const ResolveFinding& finding : table)
    EXPECT_EQ(error_of(finding.layers), finding.message) << finding.label;
}

TEST_F(ResolveTest, ReportsEverythingAtOnceWithItsPlace) {
  LayerConfig typo = plain("sigmoyd");
  typo.where = SourceRange{"model.yaml", 7, 5, 7, "  - {type: sigmoyd}"};
  try {
    resolve({typo, dense("x", {"nowhere"}), residual({})});
    FAIL();
  } catch (const Error& error) {
    ASSERT_EQ(error.diagnostics().size(), 3u);
    ASSERT_TRUE(error.diagnostics()[0].where.has_value());
    EXPECT_EQ(error.diagnostics()[0].where->line, 7);
  }
}

}  // namespace
}  // namespace assay
