// The article's networks through the program: what `assay trace` writes and `assay explain` prints for every
// file of experiments/seed, on every backend and dtype, against the article's algorithm on Bound scalars and
// against numbers worked out on paper.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assay/data/npz.h"
#include "golden/article.h"
#include "golden/declared_functions.h"
#include "golden/on_paper.h"
#include "support/assay_process.h"
#include "support/requirement.h"
#include "support/temporary_directory.h"

namespace assay::golden {
namespace {

using Json = nlohmann::json;
using Tensors = std::map<std::string, Tensor>;

const char* const kExperiments[] = {"linear_neuron",  "sigmoid_neuron",    "practice_problem_1",
                                    "worked_example", "vectorised_sample", "batch",
                                    "deep_network"};

struct Setting {
  std::string backend;
  DType dtype;
};

std::string seed_file(const std::string& experiment) {
  return test::source_file(fmt::format("experiments/seed/{}.yaml", experiment)).string();
}

test::ProcessResult assay_with(const Setting& setting, std::vector<std::string> words) {
  words.insert(words.end(),
               {"--backend", setting.backend, "-s", fmt::format("numeric.dtype={}", name_of(setting.dtype))});
  const test::ProcessResult result = test::run_assay(words);
  EXPECT_EQ(result.exit_code, 0) << words[0] << " " << words[1] << ": " << test::describe(result);
  return result;
}

Tensors trace(const Setting& setting, const std::string& experiment) {
  const test::TemporaryDirectory folder;
  const auto file = folder / "trace.npz";
  assay_with(setting, {"trace", seed_file(experiment), "-o", file.string()});
  Tensors tensors;
  for (NamedTensor& tensor : read_npz(file)) tensors.emplace(tensor.name, std::move(tensor.tensor));
  return tensors;
}

// The shortest decimal that is this number in the network's dtype: what the experiment file says, 0.1 and not
// the double next to it. The rounding of the one to the other is part of its Bound.
template <class Narrow>
Bound<Quad, Narrow> decimal(double value) {
  return Bound<Quad, Narrow>(Quad::parse(fmt::format("{}", static_cast<Narrow>(value))));
}

template <class Narrow>
Matrix<Bound<Quad, Narrow>> matrix(const Tensor& tensor) {
  std::vector<Bound<Quad, Narrow>> values;
  for (double value : to_doubles(tensor.view())) values.push_back(decimal<Narrow>(value));
  const auto rows = static_cast<std::size_t>(tensor.shape()[0]);
  const std::size_t columns = values.size() / rows;
  return {rows, columns, std::move(values)};
}

// The levels of the experiment's network, with the parameters that the trace holds.
template <class Narrow>
std::vector<Level<Bound<Quad, Narrow>>> read_levels(const Setting& setting, const std::string& experiment,
                                                    const Tensors& tensors) {
  std::vector<Level<Bound<Quad, Narrow>>> levels;
  const auto checked = assay_with(setting, {"check", seed_file(experiment), "--format", "json"});
  const Json document = Json::parse(checked.out);
  for (const Json& layer : document.at("layers")) {
    const std::string name = layer.at("name"), type = layer.at("type");
    if (type == "dense") {
      levels.push_back({name, "", "", matrix<Narrow>(tensors.at(name + ".weight")),
                        matrix<Narrow>(tensors.at(name + ".bias")).values});
    } else {
      levels.back().activation = name;
      levels.back().activation_type = type;
    }
  }
  return levels;
}

template <class Narrow>
std::map<std::string, Matrix<Bound<Quad, Narrow>>> by_the_article(const Registry& registry,
                                                                  const Setting& setting,
                                                                  const std::string& experiment,
                                                                  const Tensors& tensors) {
  return backpropagate(read_levels<Narrow>(setting, experiment, tensors), matrix<Narrow>(tensors.at("input")),
                       matrix<Narrow>(tensors.at("target")),
                       DeclaredFunctions<Narrow>(registry, setting.backend, setting.dtype));
}

// Half a unit of the 20th decimal.
Quad half_a_unit() { return Quad::parse("0.5e-20"); }

template <class Narrow>
void compare(const Registry& registry, const Setting& setting, const std::string& experiment) {
  SCOPED_TRACE(experiment);
  const Tensors traced = trace(setting, experiment);
  const auto expected = by_the_article<Narrow>(registry, setting, experiment, traced);
  for (const auto& [name, tensor] : traced) {
    const bool given =
        !name.starts_with("grad/") && (name == "input" || name == "target" || !name.ends_with(".output"));
    EXPECT_TRUE(given || expected.contains(name)) << "'" << name << "' is in no formula";
  }
  for (const auto& [name, values] : expected) {
    ASSERT_TRUE(traced.contains(name)) << name;
    const std::vector<double> actual = to_doubles(traced.at(name).view());
    ASSERT_EQ(actual.size(), values.values.size()) << name;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const auto& bound = values.values[i];
      EXPECT_LE(abs(Quad(actual[i]) - bound.value), bound.error())
          << name << " " << i << ": " << actual[i] << " for " << bound.value.to_string(20) << " within "
          << bound.error();
    }
  }
  for (const PaperTensor& paper : worked_out_on_paper()) {
    if (paper.experiment != experiment) continue;
    SCOPED_TRACE(paper.name);
    const auto& values = expected.at(paper.name).values;
    const std::vector<double> actual = to_doubles(traced.at(paper.name).view());
    ASSERT_EQ(paper.numbers.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const PaperNumber& number = paper.numbers[i];
      EXPECT_LE(abs(values[i].value - Quad::parse(number.exact)), half_a_unit()) << number.exact;
      EXPECT_LE(abs(Quad(actual[i]) - Quad::parse(number.exact)), Quad(values[i].error()) + half_a_unit())
          << number.exact;
      if (!number.printed.empty()) {
        EXPECT_EQ(fmt::format("{:.3f}", actual[i]), number.printed);
      }
    }
  }
}

class SeedExperiments : public ::testing::TestWithParam<Setting> {
 protected:
  SeedExperiments() { register_builtin(registry_); }
  void SetUp() override {
    ASSAY_NEEDS(registry_.backends.find(GetParam().backend) != nullptr,
                GetParam().backend + " in this build");
  }
  Registry registry_;
};

TEST_P(SeedExperiments, TraceIsTheArticlesAlgorithm) {
  for (const char* experiment : kExperiments) {
    if (GetParam().dtype == DType::f32)
      compare<float>(registry_, GetParam(), experiment);
    else
      compare<double>(registry_, GetParam(), experiment);
  }
}

// "[[−0.051, −0.021]]" → {"-0.051", "-0.021"}
std::vector<std::string> printed_numbers(std::string text) {
  for (std::size_t at; (at = text.find("−")) != std::string::npos;)
    text.replace(at, std::string("−").size(), "-");
  std::vector<std::string> numbers;
  constexpr const char* kDigits = "-0123456789.";
  for (std::size_t at = text.find_first_of(kDigits); at != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_not_of(kDigits, at), text.size());
    numbers.push_back(text.substr(at, end - at));
    at = text.find_first_of(kDigits, end);
  }
  return numbers;
}

// Every step's result by the name of its tensor, to that many decimals.
std::map<std::string, std::vector<std::string>> explain(const Setting& setting, const std::string& experiment,
                                                        int digits) {
  const auto result = assay_with(
      setting, {"explain", seed_file(experiment), "--format", "json", "--digits", std::to_string(digits)});
  std::map<std::string, std::vector<std::string>> results;
  const Json document = Json::parse(result.out);
  for (const Json& step : document.at("steps")) {
    if (step.at("name") != "") results[step.at("name")] = printed_numbers(step.at("result"));
  }
  return results;
}

TEST_P(SeedExperiments, ExplainPrintsTheArticlesDigits) {
  // f64 is good for 12 decimals of numbers below 2, none of which lies near the middle between two of them.
  const int more = GetParam().dtype == DType::f64 ? 12 : 3;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> three, twelve;
  for (const PaperTensor& paper : worked_out_on_paper()) {
    SCOPED_TRACE(paper.experiment + " " + paper.name);
    if (!three.contains(paper.experiment)) {
      three[paper.experiment] = explain(GetParam(), paper.experiment, 3);
      twelve[paper.experiment] = explain(GetParam(), paper.experiment, more);
    }
    const auto& few = three[paper.experiment];
    ASSERT_TRUE(few.contains(paper.name));
    std::vector<std::string> exact;
    for (std::size_t i = 0; i < paper.numbers.size(); ++i) {
      const PaperNumber& number = paper.numbers[i];
      exact.push_back(fmt::format("{:.{}f}", static_cast<double>(Quad::parse(number.exact)), more));
      if (!number.printed.empty()) {
        EXPECT_EQ(few.at(paper.name).at(i), number.printed);
      }
    }
    EXPECT_EQ(twelve[paper.experiment].at(paper.name), exact);
  }
}

INSTANTIATE_TEST_SUITE_P(, SeedExperiments,
                         ::testing::Values(Setting{"reference", DType::f32}, Setting{"reference", DType::f64},
                                           Setting{"eigen", DType::f32}, Setting{"eigen", DType::f64},
                                           Setting{"openmp", DType::f32}, Setting{"openmp", DType::f64},
                                           Setting{"onednn", DType::f32}),
                         [](const auto& info) {
                           return info.param.backend + "_" + std::string(name_of(info.param.dtype));
                         });

// The text for people: the order in which the chain rule unrolls, formula above numbers above result.
TEST(Explain, UnrollsTheChainRuleInOrder) {
  const auto result = assay_with({"reference", DType::f64}, {"explain", seed_file("worked_example")});
  const char* const lines[] = {"z⁽¹⁾ = x W⁽¹⁾ᵀ + b⁽¹⁾  [hidden]",
                               "= [[2.000]] · [[0.500], [−0.300]]ᵀ + [0.100, −0.200]",
                               "= [[1.100, −0.800]]",
                               "a⁽¹⁾ = σ(z⁽¹⁾)  [sigmoid1]",
                               "= [[0.750, 0.310]]",
                               "= [[0.776]]",
                               "ŷ = σ(z⁽²⁾)  [sigmoid2]",
                               "= [[0.685]]",
                               "L = 1/(2B) ‖y − ŷ‖²  [loss]",
                               "= 0.050",
                               "δ⁽²⁾ = ∂L/∂ŷ ⊙ ŷ ⊙ (1 − ŷ)  [sigmoid2]",
                               "= [[−0.068]]",
                               "∂L/∂W⁽²⁾ = δ⁽²⁾ᵀ a⁽¹⁾  [out]",
                               "= [[−0.051, −0.021]]",
                               "∂L/∂b⁽²⁾",
                               "= [−0.068]",
                               "δ⁽¹⁾ = ∂L/∂a⁽¹⁾ ⊙ a⁽¹⁾ ⊙ (1 − a⁽¹⁾)  [sigmoid1]",
                               "= [[−0.010, 0.006]]",
                               "∂L/∂W⁽¹⁾ = δ⁽¹⁾ᵀ x  [hidden]",
                               "= [[−0.020], [0.012]]"};
  std::size_t at = 0;
  for (const char* line : lines) {
    const std::size_t found = result.out.find(line, at);
    ASSERT_NE(found, std::string::npos) << line << "\n" << result.out;
    at = found;
  }
}

}  // namespace
}  // namespace assay::golden
