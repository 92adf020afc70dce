// An independent framework's numbers: the experiments of golden/pytorch, whose tensors record.py took from
// PyTorch. They are sums and products of small whole numbers and powers of two, exact in any order, so that
// every backend has to give the same to the last bit: the geometry of windows, the meaning of axes and
// merges, what a mean is taken over, how γ, β and ε enter, and where the gradient of a tie goes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "assay/data/npz.h"
#include "assay/registry/registry.h"
#include "support/assay_process.h"
#include "support/requirement.h"
#include "support/temporary_directory.h"

namespace assay {
namespace {

using Tensors = std::map<std::string, Tensor>;

const char* const kExperiments[] = {"binary",    "classes", "conv_groups",   "conv_same_strided",
                                    "embedding", "graph",   "normalization", "pools",
                                    "softmax"};

struct Setting {
  std::string backend;
  DType dtype;
};

Tensors read(const std::filesystem::path& file) {
  Tensors tensors;
  for (NamedTensor& tensor : read_npz(file)) tensors.emplace(tensor.name, std::move(tensor.tensor));
  return tensors;
}

class PyTorch : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    Registry registry;
    register_builtin(registry);
    ASSAY_NEEDS(registry.backends.find(GetParam().backend) != nullptr, GetParam().backend + " in this build");
  }
};

TEST_P(PyTorch, GivesTheSameTensors) {
  for (const std::string experiment : kExperiments) {
    SCOPED_TRACE(experiment);
    const test::TemporaryDirectory folder;
    const auto file = folder / "trace.npz";
    const auto result = test::run_assay(
        {"trace", test::source_file(fmt::format("tests/golden/pytorch/{}.yaml", experiment)).string(),
         "--backend", GetParam().backend, "-s", fmt::format("numeric.dtype={}", name_of(GetParam().dtype)),
         "-o", file.string()});
    ASSERT_EQ(result.exit_code, 0) << test::describe(result);
    const Tensors traced = read(file);
    const Tensors recorded = read(test::source_file(fmt::format("tests/golden/pytorch/{}.npz", experiment)));
    for (const auto& [name, tensor] : traced) {
      if (recorded.contains(name)) continue;
      EXPECT_EQ(name, "loss") << "only a logarithm is not recorded";
    }
    for (const auto& [name, expected] : recorded) {
      ASSERT_TRUE(traced.contains(name)) << name;
      EXPECT_EQ(traced.at(name).shape(), expected.shape()) << name;
      EXPECT_EQ(to_doubles(traced.at(name).view()), to_doubles(expected.view())) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, PyTorch,
                         ::testing::Values(Setting{"reference", DType::f32}, Setting{"reference", DType::f64},
                                           Setting{"eigen", DType::f32}, Setting{"eigen", DType::f64},
                                           Setting{"openmp", DType::f32}, Setting{"openmp", DType::f64},
                                           Setting{"onednn", DType::f32}),
                         [](const auto& info) {
                           return info.param.backend + "_" + std::string(name_of(info.param.dtype));
                         });

}  // namespace
}  // namespace assay
