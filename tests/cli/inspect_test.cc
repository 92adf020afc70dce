// Commands that run no training: check, explain, trace, list, doctor.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assay/data/npz.h"
#include "assay/data/safetensors.h"
#include "cli/command_line.h"
#include "support/requirement.h"

namespace assay::test {
namespace {

using Json = nlohmann::json;

class Inspect : public CommandLine {
 protected:
  Inspect() : small_(write("small.yaml", ExperimentLines{}.text())) {}

  static std::string seed_file(const std::string& name) {
    return source_file("experiments/seed/" + name + ".yaml").string();
  }
  std::map<std::string, std::vector<double>> trace(std::vector<std::string> words) {
    words.insert(words.begin(), "trace");
    words.insert(words.end(), {"-o", "trace.npz"});
    EXPECT_EQ(expect(0, words).exit_code, 0);
    std::map<std::string, std::vector<double>> values;
    for (const NamedTensor& tensor : read_npz(folder_ / "trace.npz"))
      values[tensor.name] = to_doubles(tensor.tensor.view());
    return values;
  }

  std::string small_;
};

TEST_F(Inspect, EveryExperimentOfTheRepositoryPassesCheckAndADryRun) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_file("experiments"))) {
    if (entry.path().extension() != ".yaml") continue;
    const bool sweep = entry.path().parent_path().filename() == "sweeps";
    const bool needs_images = entry.path().parent_path().filename() == "fashion_mnist" ||
                              contents(entry.path()).find("fashion_mnist/") != std::string::npos;
    if (needs_images && !std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
      continue;
    }
    ++count;
    const std::string file = entry.path().string();
    expect(0, sweep ? std::vector<std::string>{"sweep", file, "--dry-run"}
                    : std::vector<std::string>{"check", file});
  }
  EXPECT_GE(count, 11);
  EXPECT_EQ(files(), std::vector<std::string>{"small.yaml"}) << "check writes nothing";
}

TEST_F(Inspect, CheckShowsLayersParametersPlacementAndMemory) {
  const std::string out = expect(0, {"check", seed_file("worked_example")}).out;
  for (const char* part : {"hidden", "sigmoid2", "7 parameters", "half_squared_error", "reference.linear",
                           "sgd_update", "× 4", "arena", "lower bound"})
    EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
  const Json json = Json::parse(expect(0, {"check", seed_file("worked_example"), "--format", "json"}).out);
  EXPECT_EQ(json.at("parameters"), 7);
  EXPECT_EQ(json.at("layers").size(), 4u);
  EXPECT_GE(json.at("memory").at("arena_bytes"), json.at("memory").at("liveness_bytes"));
  for (const Json& row : json.at("placement")) EXPECT_EQ(row.at("backend"), "reference");
}

TEST_F(Inspect, AFallbackIsShownReportedOrForbidden) {
  ASSAY_NEEDS(expect(0, {"list", "backends"}).out.find("onednn") != std::string::npos,
              "onednn in this build");
  const std::vector<std::string> f64{small_, "--backend", "onednn", "-s", "numeric.dtype=f64"};
  const auto with = [&](std::vector<std::string> words, const std::string& more = "") {
    words.insert(words.end(), f64.begin(), f64.end());
    if (!more.empty()) words.insert(words.end(), {"-s", more});
    return words;
  };
  EXPECT_NE(expect(0, with({"check"})).out.find("refused by onednn: dtype f64"), std::string::npos);
  EXPECT_NE(
      expect(0, with({"run", "-o", "report"}))
          .err.find(
              "ops run on the reference backend, refused by onednn: dtype f64 (this backend has f32 only): "),
      std::string::npos);
  EXPECT_EQ(expect(0, with({"run", "-o", "allow"}, "backend.fallback=allow")).err.find("note:"),
            std::string::npos);
  for (const std::string command : {"check", "run", "explain"}) {
    expect_refused(with({command}, "backend.fallback=forbid"), {"onednn", "dtype f64", "forbid"});
  }
}

TEST_F(Inspect, ExplainWritesTextMarkdownAndJson) {
  const std::string file = seed_file("worked_example");
  const std::string text = expect(0, {"explain", file}).out;
  EXPECT_NE(text.find("\nForward pass\n"), std::string::npos) << text;
  const std::string markdown = expect(0, {"explain", file, "--format", "markdown"}).out;
  EXPECT_EQ(markdown.find("# worked-example\n"), 0u);
  EXPECT_NE(markdown.find("\n## Backward pass\n"), std::string::npos);
  EXPECT_NE(markdown.find("**δ⁽²⁾**"), std::string::npos);
  EXPECT_NE(markdown.find("`[[−0.068]]`"), std::string::npos) << markdown;
  const Json json = Json::parse(expect(0, {"explain", file, "--format", "json", "--digits", "0"}).out);
  EXPECT_EQ(json.at("name"), "worked-example");
  EXPECT_EQ(json.at("steps").back().at("section"), "Backward pass");
  const std::string digits = expect(0, {"explain", file, "--digits", "8"}).out;
  EXPECT_NE(digits.find("[[0.68486009]]"), std::string::npos) << digits;
  expect(0, {"explain", file, "-o", "explained.txt"});
  EXPECT_EQ(contents(folder_ / "explained.txt"), text);
}

TEST_F(Inspect, ExplainShowsTheArticlesDeltaBesideOurs) {
  const std::string out = expect(0, {"explain", seed_file("batch")}).out;
  EXPECT_NE(out.find("the article leaves 1/B out of δ⁽²⁾: B · this = [[0.147], [−0.096], [−0.076], [0.147]]"),
            std::string::npos)
      << out;
}

// A graph that is no chain, with layers the article does not have.
TEST_F(Inspect, ExplainTakesAnyGraph) {
  ExperimentLines lines;
  lines.data = "data: {type: inline, x: [[[[1, 2], [3, 4]]], [[[0, 1], [1, 0]]]], y: [0, 1]}";
  lines.model =
      "model:\n  input: [1, 2, 2]\n  layers:\n"
      "    - {type: conv2d, name: left, filters: 2, kernel: 2, padding: same}\n"
      "    - {type: conv2d, name: right, inputs: [input], filters: 2, kernel: 1}\n"
      "    - {type: add, inputs: [left, right]}\n    - {type: batch_norm}\n    - {type: gelu}\n"
      "    - {type: global_avg_pool}\n    - {type: dropout, rate: 0.5}\n    - {type: dense, units: 2}";
  lines.loss = "loss: {type: softmax_cross_entropy}";
  const std::string file = write("graph.yaml", lines.text());
  for (const std::string backend : {"reference", "eigen", "openmp"}) {
    const std::string out = expect(0, {"explain", file, "--backend", backend}).out;
    for (const char* part :
         {"[left]", "[right]", "[add1]", "[batch_norm1]", "[gelu1]", "[dropout1]", "∂L/∂left.weight"})
      EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
  }
}

TEST_F(Inspect, TraceNamesEveryTensor) {
  std::set<std::string> names;
  for (const auto& [name, values] : trace({seed_file("worked_example")})) names.insert(name);
  std::set<std::string> expected{"input", "target", "loss", "grad/input"};
  for (const std::string layer : {"hidden", "sigmoid1", "out", "sigmoid2"}) {
    expected.insert({layer + ".output", "grad/" + layer + ".output"});
    if (layer == "hidden" || layer == "out")
      expected.insert(
          {layer + ".weight", layer + ".bias", "grad/" + layer + ".weight", "grad/" + layer + ".bias"});
  }
  EXPECT_EQ(names, expected);
}

// Three samples in batches of two: the second batch holds the last sample alone.
TEST_F(Inspect, TraceTakesTheKthBatchInTheOrderOfTheData) {
  EXPECT_EQ(trace({small_}).at("input"), (std::vector<double>{1, 2}));
  EXPECT_EQ(trace({small_, "--batch", "1"}).at("target"), (std::vector<double>{1, 0}));
  const auto second = trace({small_, "--batch", "2"});
  EXPECT_EQ(second.at("input"), std::vector<double>{-1});
  EXPECT_EQ(second.at("target"), std::vector<double>{0.5});
}

TEST_F(Inspect, InitialWeightsComeFromAFileOfEitherFormat) {
  const Tensor weight = Tensor::of(DType::f64, Shape{1, 1}, std::vector<double>{0.25});
  const Tensor bias = Tensor::of(DType::f32, Shape{1}, std::vector<double>{-2});
  const std::vector<NamedView> views{{"only.weight", weight.view()}, {"only.bias", bias.view()}};
  write_npz(folder_ / "w.npz", views);
  write_safetensors(folder_ / "w.safetensors", views);
  for (const std::string file : {"w.npz", "w.safetensors"}) {
    const auto tensors = trace({small_, "-s", "model.weights=" + file});
    EXPECT_EQ(tensors.at("only.weight"), std::vector<double>{0.25}) << file;
    EXPECT_EQ(tensors.at("only.bias"), std::vector<double>{-2}) << file;
    EXPECT_EQ(tensors.at("only.output"), (std::vector<double>{-1.75, -1.5})) << file;
  }
}

// What one run writes another starts from: the trained weights are those that a trace then shows.
TEST_F(Inspect, WeightsOfARunComeBack) {
  expect(0, {"run", small_, "-o", "first", "-q"});
  const auto tensors = trace({small_, "-s", "model.weights=first/weights.safetensors"});
  for (const NamedTensor& tensor : read_safetensors(folder_ / "first/weights.safetensors").tensors)
    EXPECT_EQ(tensors.at(tensor.name), to_doubles(tensor.tensor.view())) << tensor.name;
}

TEST_F(Inspect, AnNpzWithInputsAndTargetsIsData) {
  const Tensor x = Tensor::of(DType::f64, Shape{2, 1}, std::vector<double>{3, 4});
  const Tensor y = Tensor::of(DType::f32, Shape{2, 1}, std::vector<double>{5, 6});
  write_npz(folder_ / "data.npz", std::vector<NamedView>{{"inputs", x.view()}, {"targets", y.view()}});
  const auto tensors = trace({small_, "-s", "data={type: npz, file: data.npz, x: inputs, y: targets}"});
  EXPECT_EQ(tensors.at("input"), (std::vector<double>{3, 4}));
  EXPECT_EQ(tensors.at("target"), (std::vector<double>{5, 6}));
}

TEST_F(Inspect, ListKnowsEverythingInTextAndJson) {
  const std::string all = expect(0, {"list"}).out;
  const Json json = Json::parse(expect(0, {"list", "--format", "json"}).out);
  for (const char* kind : {"layers", "activations", "losses", "optimizers", "schedules", "initializers",
                           "data", "backends", "ops"}) {
    EXPECT_NE(all.find(std::string(kind) + " ("), std::string::npos) << kind;
    ASSERT_TRUE(json.contains(kind)) << kind;
    EXPECT_FALSE(json.at(kind).empty()) << kind;
    for (const Json& item : json.at(kind)) {
      const std::string name = item.at("name");
      EXPECT_NE(all.find(name), std::string::npos) << name;
      EXPECT_EQ(expect(0, {"list", kind, name}).out.find(name), 0u) << kind << " " << name;
      for (const Json& field : item.at("fields")) EXPECT_NE(field.at("kind"), "") << name;
    }
  }
  const std::string dense = expect(0, {"list", "layers", "dense"}).out;
  for (const char* part :
       {"units: integer, required", "bias: boolean, default true", "weight [out, in]", "bias [out]"})
    EXPECT_NE(dense.find(part), std::string::npos) << part << "\n" << dense;
  EXPECT_NE(expect(0, {"list", "ops", "sigmoid"}).out.find("σ(z) = 1 / (1 + e^{−z})"), std::string::npos);
}

TEST_F(Inspect, DoctorShowsTheMachineAndEveryBackend) {
  const std::string out = expect(0, {"doctor"}).out;
  for (const char* part : {"assay ", "processor", "instructions", "memory", "library", "✓ backend reference",
                           "eigen", "openmp", "onednn", "fashion-mnist"})
    EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
}

}  // namespace
}  // namespace assay::test
