// Traces that other programs made: a full trace of assay's own passes on every backend, one changed number is
// found and its tensor named, and what cannot be judged is refused.
#include "assay/verify/given_trace.h"

#include <gtest/gtest.h>

#include <map>

#include "assay/core/error.h"
#include "assay/data/npz.h"
#include "assay/experiment/trace.h"
#include "support/assay_process.h"
#include "support/temporary_directory.h"

namespace assay::verify {
namespace {

using Tensors = std::vector<NamedTensor>;

class GivenTrace : public ::testing::Test {
 protected:
  GivenTrace() { register_builtin(registry_); }

  Experiment experiment(const std::string& name, std::vector<std::string> overrides = {}) {
    return load_experiment(test::source_file(name),
                           {.overrides = std::move(overrides), .backend = {}, .seed = {}}, registry_);
  }
  Tensors trace_of(const Experiment& experiment) const {
    const Problem problem(experiment, registry_, experiment.seeds.front());
    return trace(problem, 0);
  }
  std::filesystem::path write(const Tensors& tensors) const {
    std::vector<NamedView> views;
    for (const NamedTensor& tensor : tensors) views.push_back({tensor.name, tensor.tensor.view()});
    write_npz(folder_ / "trace.npz", views);
    return folder_ / "trace.npz";
  }
  GivenTraceReport judge(const Experiment& experiment, const Tensors& tensors) const {
    return verify_given_trace(experiment, registry_, write(tensors));
  }

  Registry registry_;
  test::TemporaryDirectory folder_;
};

constexpr const char* kExperiments[] = {"experiments/seed/worked_example.yaml",
                                        "tests/golden/pytorch/graph.yaml", "tests/golden/pytorch/pools.yaml",
                                        "tests/golden/pytorch/embedding.yaml",
                                        "tests/golden/pytorch/normalization.yaml"};

TEST_F(GivenTrace, AFullTraceOfAssayPassesOnEveryBackend) {
  for (const std::string& backend : registry_.backends.names()) {
    for (const char* const dtype : {"f32", "f64"}) {
      for (const char* const name : kExperiments) {
        const Experiment traced =
            experiment(name, {"backend.type=" + backend, std::string("numeric.dtype=") + dtype});
        const GivenTraceReport report = judge(traced, trace_of(traced));
        EXPECT_TRUE(report.checks) << name << " " << backend << " " << dtype << "\n" << report.checks;
        EXPECT_EQ(report.checks.count(Status::skipped), 0);
        EXPECT_TRUE(report.missing.empty());
      }
    }
  }
}

// Wrong by 2⁻¹⁰ of itself in its last element.
void spoil(Tensor& tensor) {
  const auto last = static_cast<std::size_t>(tensor.count() - 1);
  if (tensor.dtype() == DType::f32) {
    float& x = tensor.as<float>()[last];
    x = x == 0 ? 1.0F : x * (1.0F + 0x1p-10F);
  } else {
    tensor.as<std::int32_t>()[last] ^= 1;
  }
}

TEST_F(GivenTrace, OneWrongNumberIsFoundAndItsTensorNamed) {
  const Experiment traced = experiment("experiments/seed/worked_example.yaml", {"numeric.dtype=f32"});
  const Tensors good = trace_of(traced);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Tensors spoiled = trace_of(traced);
    spoil(spoiled[i].tensor);
    const GivenTraceReport report = judge(traced, spoiled);
    ASSERT_GT(report.checks.count(Status::failed), 0) << good[i].name;
    EXPECT_EQ(report.first_failure.substr(2), good[i].name + " trace.npz f32");
  }
}

TEST_F(GivenTrace, JudgesWhatFollowsFromWhatTheFileHas) {
  const Experiment traced = experiment("experiments/seed/worked_example.yaml", {"numeric.dtype=f32"});
  Tensors gradients;
  std::size_t all = 0;
  for (NamedTensor& tensor : trace_of(traced)) {
    ++all;
    if (tensor.name.starts_with("grad/") && !tensor.name.ends_with(".output"))
      gradients.push_back(std::move(tensor));
  }
  const GivenTraceReport report = judge(traced, gradients);
  EXPECT_TRUE(report.checks) << report.checks;
  EXPECT_EQ(report.checks.count(Status::passed), static_cast<std::int64_t>(gradients.size()));
  EXPECT_EQ(report.missing.size(), all - gradients.size());

  spoil(gradients.front().tensor);
  EXPECT_EQ(judge(traced, gradients).checks.count(Status::failed), 1);
}

TEST_F(GivenTrace, PyTorchsNumbersPass) {
  for (const char* const name : {"graph", "pools", "embedding", "normalization", "conv_groups",
                                 "conv_same_strided", "softmax", "classes", "binary"}) {
    const std::string file = std::string("tests/golden/pytorch/") + name;
    const GivenTraceReport report =
        verify_given_trace(experiment(file + ".yaml"), registry_, test::source_file(file + ".npz"));
    EXPECT_TRUE(report.checks) << name << "\n" << report.checks;
  }
}

TEST_F(GivenTrace, RefusesNamesAndShapesThatTheExperimentHasNot) {
  const Experiment traced = experiment("experiments/seed/worked_example.yaml");
  Tensors renamed = trace_of(traced);
  renamed.back().name += "s";
  try {
    judge(traced, renamed);
    ADD_FAILURE() << "a name that the experiment has not";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a similar name exists"), std::string::npos) << error.what();
  }
  Tensors other_shape = trace_of(traced);
  Tensor& loss = other_shape[2].tensor;
  ASSERT_EQ(other_shape[2].name, "loss");
  loss = std::move(loss).reshaped(Shape{1});
  EXPECT_THROW(judge(traced, other_shape), Error);
}

}  // namespace
}  // namespace assay::verify
