// Sweeps every function that the oneDNN backend offers over strided floats of the whole range, and over every
// float around the points where it bends, against libm in extended precision: the declared contract holds,
// and it is one that the project allows. What is known to break the rule is refused.
#ifdef ASSAY_WITH_ONEDNN
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>

#include "assay/registry/registry.h"
#include "backends/onednn/accuracy.h"
#include "unit/accuracy_sweep.h"

namespace assay {
namespace {

using Wide = long double;

// 2^32 / kStride floats are tried; a prime, so that every exponent meets many mantissas.
constexpr std::uint64_t kStride = 4099;
// Floats on either side of a point that are tried without gaps.
constexpr int kNear = 20000;

struct Sweep {
  std::string op;
  Fields fields;
  std::function<Wide(Wide)> f;  // f, or f′ by what the op takes as its second operand
  Wide largest;                 // sup |f|, or 0 where f is unbounded
  std::vector<float>
      bends{};  // where pieces meet, where it crosses zero, where the result leaves the normal range
  float low = -std::numeric_limits<float>::max(), high = std::numeric_limits<float>::max();
};

void PrintTo(const Sweep& sweep, std::ostream* out) { *out << sweep.op << " " << sweep.fields.to_string(); }

std::vector<Sweep> sweeps() {
  const auto step = [](Wide below, Wide above) { return [=](Wide x) { return x > 0 ? above : below; }; };
  const auto wide = [functions = testing::wide_functions<Wide>()](std::string_view op) {
    return functions.find(op)->second;
  };
  const float slope = 0.01f;
  const std::vector<float> exponential{-88.0f, -87.3f, -87.0f, -86.5f, -1.0f, 0.0f, 1.0f, 17.0f};
  return {
      {"abs", {}, [](Wide x) { return std::fabs(x); }, 0, {0}},
      {"neg", {}, [](Wide x) { return -x; }, 0, {0}},
      {"sqrt", {}, wide("sqrt"), 0, {1}, 0.0f},
      {"relu", {}, [](Wide x) { return x > 0 ? x : 0; }, 0, {0}},
      {"relu_grad", {}, step(0, 1), 1, {0}},
      {"leaky_relu", {{"slope", 0.01}}, [=](Wide x) { return x > 0 ? x : Wide(slope) * x; }, 0, {0}},
      {"leaky_relu_grad", {{"slope", 0.01}}, step(slope, 1), 1, {0}},
      {"tanh", {}, wide("tanh"), 1, {-9, -4, -0.5f, 0, 0.5f, 4, 9}},
      {"tanh_grad", {}, [](Wide y) { return (1 - y) * (1 + y); }, 1, {-1, 0, 1}, -1.0f, 1.0f},
      {"sigmoid", {}, wide("sigmoid"), 1, exponential},
      {"sigmoid_grad", {}, [](Wide y) { return y * (1 - y); }, 0.25, {0, 0.5f, 1}, 0.0f, 1.0f},
      {"hard_swish", {}, wide("hard_swish"), 0, {-3, -1.5f, 0, 3}},
      {"hard_swish_grad", {}, wide("hard_swish_grad"), 1.5, {-3, -1.5f, 0, 3}},
      {"softplus_grad", {}, wide("softplus_grad"), 1, exponential},
      {"silu_grad", {}, wide("silu_grad"), 1.0998, {-90, -1.2784645f, 0, 2.4f, 17}},
  };
}

std::vector<float> points(const Sweep& sweep) {
  std::vector<float> xs;
  const auto add = [&](float x) {
    if (x >= sweep.low && x <= sweep.high) xs.push_back(x);
  };
  for (std::uint64_t bits = 0; bits <= 0xffffffffu; bits += kStride) {
    float x;
    const auto word = static_cast<std::uint32_t>(bits);
    std::memcpy(&x, &word, sizeof x);
    add(x);
  }
  for (const float bend : sweep.bends) {
    float below = bend, above = bend;
    for (int i = 0; i < kNear; ++i) {
      add(below);
      add(above);
      below = std::nextafter(below, -std::numeric_limits<float>::infinity());
      above = std::nextafter(above, std::numeric_limits<float>::infinity());
    }
  }
  return xs;
}

class Subjects {
 public:
  Subjects() {
    register_builtin(registry_);
    backend_ = registry_.create_backend("onednn", {}, 1);
  }

  // The site of an op on vectors of n elements: f, or f′ with a cotangent first. Valid until the next call.
  Site site(std::string_view name, const Fields& fields, std::int64_t n) {
    const OpDef& op = registry_.ops.at(name);
    fields_ = complete(op.fields, fields, name);
    const Spec spec{DType::f32, Shape{n}};
    Site site;
    SiteOp part{&op, &fields_, {}, {}, {spec}};
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      part.operands.push_back({-1, static_cast<int>(i)});
      part.inputs.push_back(spec);
      site.inputs.push_back({spec, {}, false});
    }
    site.outputs.push_back({spec, {}, false});
    site.ops.push_back(std::move(part));
    return site;
  }

  const Backend& backend() const { return *backend_; }

 private:
  Registry registry_;
  std::unique_ptr<Backend> backend_;
  Fields fields_;
};

class OnednnAccuracy : public ::testing::TestWithParam<Sweep> {};

// A contract is within the rule by its own two numbers, except where an exact result is too small to be a
// multiple of anything: then what counts is the sweep, against the rule itself.
TEST_P(OnednnAccuracy, KeepsItsContractEverywhere) {
  const Sweep& sweep = GetParam();
  const std::vector<float> xs = points(sweep);
  const auto n = static_cast<std::int64_t>(xs.size());
  Subjects subjects;
  const Site subject = subjects.site(sweep.op, sweep.fields, n);
  const Offer offer = subjects.backend().offer(subject);
  if (const Refusal* refusal = std::get_if<Refusal>(&offer)) {
    // Only code for processors older than AVX2 may be too inaccurate.
    EXPECT_THAT(refusal->reason, ::testing::HasSubstr("fused multiply-add"));
    GTEST_SKIP() << refusal->reason;
  }
  const Plan& plan = std::get<Plan>(offer);
  const Tensor x = Tensor::of(DType::f32, Shape{n}, std::vector<double>(xs.begin(), xs.end()));
  const Tensor ones = Tensor::of(DType::f32, Shape{n}, std::vector<double>(xs.size(), 1.0));
  Tensor scratch({DType::u8, Shape{static_cast<std::int64_t>(plan.scratch_bytes) + 1}});
  Tensor y({DType::f32, Shape{n}});
  const bool gradient = subject.inputs.size() == 2;
  const void* const inputs[] = {gradient ? ones.data() : x.data(), x.data()};
  void* const outputs[] = {y.data()};
  plan.bind()->run({inputs, outputs, scratch.data()});

  // The functions behind a correctly rounded contract round once: half an ulp.
  const Wide ulps = plan.accuracy.ulp == 0 ? 0.5L : static_cast<Wide>(plan.accuracy.ulp);
  const auto absolute = static_cast<Wide>(plan.accuracy.absolute);
  int found = 0;
  for (std::size_t i = 0; i < xs.size() && found < 5; ++i) {
    const float got = y.as<float>()[i];
    const Wide want = sweep.f(xs[i]);
    if (std::fabs(want) > std::numeric_limits<float>::max()) continue;
    const Wide error = std::fabs(got - want), ulp = testing::ulp_at<float>(want);
    const bool kept = error <= std::max(ulps * ulp, absolute);
    const bool allowed = error <= std::max(16 * ulp, std::ldexp(sweep.largest, -24));
    EXPECT_TRUE(kept && allowed) << sweep.op << "(" << xs[i] << ") is " << got << ", but should be "
                                 << static_cast<double>(want) << ": off by "
                                 << static_cast<double>(error / ulp) << " ulp, "
                                 << static_cast<double>(error);
    found += kept && allowed ? 0 : 1;
  }
}

INSTANTIATE_TEST_SUITE_P(, OnednnAccuracy, ::testing::ValuesIn(sweeps()),
                         [](const auto& info) { return info.param.op + "_" + std::to_string(info.index); });

TEST(OnednnContracts, AreAllSwept) {
  for (const onednn::Contract& contract : onednn::kContracts) {
    const std::vector<Sweep> all = sweeps();
    const bool swept = std::ranges::any_of(all, [&](const Sweep& s) { return s.op == contract.op; });
    EXPECT_TRUE(swept) << contract.op;
  }
}

TEST(OnednnContracts, WhatIsKnownToBeWrongIsRefused) {
  Subjects subjects;
  for (const onednn::Defect& defect : onednn::kDefects) {
    const Offer offer = subjects.backend().offer(subjects.site(defect.op, {}, 16));
    ASSERT_TRUE(std::holds_alternative<Refusal>(offer)) << defect.op;
    EXPECT_EQ(std::get<Refusal>(offer).reason, defect.reason);
  }
}

}  // namespace
}  // namespace assay
#endif
