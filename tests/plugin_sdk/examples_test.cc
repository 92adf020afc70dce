// The examples of plugins/, each built out of tree against the installed package: known to every command,
// right by the verification, and at work in an experiment.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "plugin_sdk/sdk.h"

namespace assay::test {
namespace {

using ::testing::HasSubstr;

struct Example {
  std::string name;
  std::string list;  // where `assay list` has it; empty: nowhere
};

class Examples : public PluginSdk, public ::testing::WithParamInterface<Example> {};

// Those that register more than kernels of what is there already.
class ListedExamples : public Examples {};

TEST_P(ListedExamples, IsListedWithItsOwner) {
  const Example& example = GetParam();
  const ProcessResult result =
      expect_sdk(0, {"list", example.list, example.name, "--plugin", test::example(example.name)});
  EXPECT_THAT(result.out,
              HasSubstr("from plugin '" + example.name + "' 1.0 (" + test::example(example.name) + ")"));
}

TEST_P(Examples, HoldsWhatItRegisters) {
  const ProcessResult result =
      expect_sdk(0, {"plugin", "check", test::example(GetParam().name), "--tier", "smoke"});
  EXPECT_THAT(result.out, HasSubstr("plugin '" + GetParam().name + "' 1.0"));
  EXPECT_THAT(result.out, HasSubstr(" 0 failed"));
}

TEST_P(Examples, ItsExperimentRunsAndIsRecorded) {
  const std::string& name = GetParam().name;
  // The plugin is named relative to the experiment's file.
  std::filesystem::create_directory_symlink(kExamples / name / "build", folder_ / "build");
  const std::string yaml =
      write(name + ".yaml", contents(source_file("plugins/" + name + "/" + name + ".yaml")));
  expect_sdk(0, {"run", yaml, "-q", "-o", "run"});
  const auto environment = nlohmann::json::parse(contents(folder_ / "run/environment.json"));
  ASSERT_EQ(environment["plugins"].size(), 1u);
  EXPECT_EQ(environment["plugins"][0]["name"], name);
  EXPECT_EQ(environment["plugins"][0]["version"], "1.0");
  EXPECT_EQ(environment["plugins"][0]["sha256"].get<std::string>().size(), 64u);
  // The resolved experiment runs alone, with the same bits.
  expect_sdk(0, {"run", "run/experiment.yaml", "-q", "-o", "again"});
  EXPECT_EQ(contents(folder_ / "run/weights.safetensors"), contents(folder_ / "again/weights.safetensors"));
}

const std::vector<Example> kAll{
    {"swish", "activations"}, {"gated_linear", "layers"}, {"cumulative_sum", "ops"},
    {"avx512_add", ""},       {"tiled", "backends"},      {"blas", "backends"},
    {"counting", "backends"}, {"lion", "optimizers"},     {"rings", "data"}};

std::vector<Example> listed() {
  std::vector<Example> some = kAll;
  std::erase_if(some, [](const Example& example) { return example.list.empty(); });
  return some;
}

void PrintTo(const Example& example, std::ostream* out) { *out << example.name; }

INSTANTIATE_TEST_SUITE_P(Plugins, Examples, ::testing::ValuesIn(kAll),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Plugins, ListedExamples, ::testing::ValuesIn(listed()),
                         [](const auto& info) { return info.param.name; });

TEST_F(PluginSdk, EveryWayOfNamingAPluginIsOne) {
  const std::string swish = example("swish"), folder = std::filesystem::path(swish).parent_path().string();
  const std::vector<std::string> list{"list", "activations", "swish"};
  expect_sdk(5, list);
  expect_sdk(0, list, {{"ASSAY_PLUGIN_PATH", swish}});
  expect_sdk(0, list, {{"ASSAY_PLUGIN_PATH", folder + ":" + example("lion")}});
  EXPECT_THAT(expect_sdk(2, list, {{"ASSAY_PLUGIN_PATH", folder + ":/nowhere"}}).err, HasSubstr("/nowhere"));
  expect_sdk(0, {"list", "activations", "swish", "--plugin", swish, "--plugin", swish},
             {{"ASSAY_PLUGIN_PATH", folder}});
  expect_sdk(0, {"list", "activations", "swish", "--plugin", "swish"}, {{"ASSAY_PLUGIN_PATH", folder}});
  EXPECT_THAT(expect_sdk(2, {"list", "--plugin", "swish"}).err, HasSubstr("ASSAY_PLUGIN_PATH"));
}

TEST_F(PluginSdk, AnActivationIsVerifiedAndExplained) {
  const std::string plugin = example("swish");
  const ProcessResult verified =
      expect_sdk(0, {"verify", "--ops", "-k", "swish", "--tier", "smoke", "-q", "--plugin", plugin});
  EXPECT_THAT(verified.out, HasSubstr(" 0 failed"));
  ExperimentLines lines;
  lines.model = "model: {input: [1], layers: [{type: dense, name: only, units: 1}, swish]}";
  const std::string file = write("swish.yaml", lines.text());
  EXPECT_THAT(expect_sdk(0, {"explain", file, "--plugin", plugin}).out, HasSubstr("swish(z⁽¹⁾)"));
  EXPECT_THAT(expect_sdk(2, {"explain", file}).err, HasSubstr("swish"));
}

TEST_F(PluginSdk, AMissingPluginIsNamed) {
  std::filesystem::copy(example("swish"), folder_ / "swish.so");
  ExperimentLines lines;
  lines.model = "model: {input: [1], layers: [{type: dense, name: only, units: 1}, swish]}";
  lines.more = "plugins: [./swish.so]";
  const std::string file = write("swish.yaml", lines.text());
  expect_sdk(0, {"run", file, "-q", "-o", "run"});
  std::filesystem::remove(folder_ / "swish.so");
  const ProcessResult missing = expect_sdk(2, {"run", "run/experiment.yaml", "-q"});
  EXPECT_THAT(missing.err, HasSubstr("the plugin '" + (folder_ / "swish.so").string() + "' is missing"));
  EXPECT_THAT(missing.err, HasSubstr("the experiment needs the plugin 'swish' 1.0"));

  // Another plugin in its place is not it.
  std::filesystem::copy(example("lion"), folder_ / "swish.so");
  EXPECT_THAT(expect_sdk(2, {"run", "run/experiment.yaml", "-q"}).err,
              HasSubstr("is not the plugin that the experiment names"));
}

TEST_F(PluginSdk, ABackendTakesWhatItCanAndTheRestIsReported) {
  const ProcessResult result =
      expect_sdk(0, {"check", source_file("experiments/seed/worked_example.yaml").string(), "--backend",
                     "tiled", "--plugin", example("tiled")});
  EXPECT_THAT(result.out, HasSubstr("tiled.matmul"));
  EXPECT_THAT(result.out, HasSubstr("refused by tiled: tiled computes matmul alone"));
}

TEST_F(PluginSdk, TheCountingBackendReportsCallsAndBytes) {
  std::filesystem::create_directory_symlink(kExamples / "counting/build", folder_ / "build");
  const std::string yaml = write("counting.yaml", contents(source_file("plugins/counting/counting.yaml")));
  const ProcessResult result = expect_sdk(0, {"run", yaml, "-q", "-o", "run"});
  EXPECT_THAT(result.err, ::testing::ContainsRegex("counting: openmp\\S+ +[0-9]+ calls +[0-9]+ bytes"));
}

TEST_F(PluginSdk, AKernelForAnExistingBackendIsAskedFirst) {
  const ProcessResult result = expect_sdk(0, {"plugin", "check", example("avx512_add"), "--tier", "smoke"});
  EXPECT_THAT(result.out, HasSubstr("openmp's add"));
}

}  // namespace
}  // namespace assay::test
