// Sweeps of the functions that the Eigen backend evaluates against their contracts
// (backends/eigen/accuracy.h), on every instruction set: f32 over all bit patterns with a stride
// (ASSAY_SWEEP_STRIDE=1 for all 2³²) against libm in double, f64 over random bit patterns and a grid against
// libm in long double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>

#include "assay/core/isa.h"
#include "assay/core/random.h"
#include "assay/core/tensor.h"
#include "assay/program/place.h"
#include "assay/registry/registry.h"
#include "backends/eigen/accuracy.h"

namespace assay {
namespace {

template <class W>
W logistic(W x) {
  return x >= W(0) ? W(1) / (W(1) + std::exp(-x)) : std::exp(x) / (W(1) + std::exp(x));
}

// The functions in the wide format W, derivatives as those of f′ for dy = 1.
template <class W>
std::map<std::string_view, std::function<W(W)>> functions() {
  const W alpha = 1.6732632423543772848170429916717L, scale = 1.0507009873554804934193349852946L;
  const W cubic = 0.044715L, root = std::sqrt(W(2) / (W(4) * std::atan(W(1))));
  const auto gate = [=](W x) { return W(2) * root * (x + cubic * x * x * x); };
  return {
      {"exp", [](W x) { return std::exp(x); }},
      {"log", [](W x) { return std::log(x); }},
      {"sqrt", [](W x) { return std::sqrt(x); }},
      {"sigmoid", [](W x) { return logistic(x); }},
      {"tanh", [](W x) { return std::tanh(x); }},
      {"elu", [](W x) { return x > W(0) ? x : std::expm1(x); }},
      {"selu", [=](W x) { return x > W(0) ? scale * x : scale * alpha * std::expm1(x); }},
      {"softplus", [](W x) { return (x > W(0) ? x : W(0)) + std::log1p(std::exp(-std::abs(x))); }},
      {"silu", [](W x) { return x * logistic(x); }},
      {"gelu", [=](W x) { return x * logistic(gate(x)); }},
      {"hard_sigmoid", [](W x) { return x <= W(-3)  ? W(0)
                                        : x >= W(3) ? W(1)
                                                    : (x + W(3)) / W(6); }},
      {"hard_swish", [](W x) { return x <= W(-3)  ? W(0)
                                      : x >= W(3) ? x
                                                  : x * (x + W(3)) / W(6); }},
      {"elu_grad", [](W x) { return x > W(0) ? W(1) : std::exp(x); }},
      {"selu_grad", [=](W x) { return x > W(0) ? scale : scale * alpha * std::exp(x); }},
      {"softplus_grad", [](W x) { return logistic(x); }},
      {"silu_grad", [](W x) { return logistic(x) * (W(1) + x * logistic(-x)); }},
      {"gelu_grad",
       [=](W x) {
         const W slope = W(2) * root * (W(1) + W(3) * cubic * x * x);
         return logistic(gate(x)) + x * logistic(gate(x)) * logistic(-gate(x)) * slope;
       }},
      {"hard_sigmoid_grad", [](W x) { return std::abs(x) >= W(3) ? W(0) : W(1) / W(6); }},
      {"hard_swish_grad",
       [](W x) { return x <= W(-3)  ? W(0)
                        : x >= W(3) ? W(1)
                                    : (W(2) * x + W(3)) / W(6); }},
  };
}

std::vector<float> arguments(float) {
  std::uint64_t stride = 16381;
  if (const char* wanted = std::getenv("ASSAY_SWEEP_STRIDE")) stride = std::strtoull(wanted, nullptr, 10);
  std::vector<float> all;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += stride) {
    all.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (int i = -30000; i <= 30000; ++i) all.push_back(static_cast<float>(i) * 0.0037f);
  return all;
}

std::vector<double> arguments(double) {
  std::vector<double> all;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    const auto words = random_bits({1, 0}, 0, 0, i);
    all.push_back(std::bit_cast<double>(static_cast<std::uint64_t>(words[0]) << 32 | words[1]));
    // The same with an exponent at which no function has left its range yet.
    all.push_back(std::ldexp(all.back() < 0 ? -1.0 : 1.0, static_cast<int>(words[2] % 40) - 30) *
                  (1.0 + words[3] * 0x1p-32));
  }
  for (int i = -30000; i <= 30000; ++i) all.push_back(i * 0.02513);
  return all;
}

// Distance between numbers at x.
template <class T>
T spacing(T x) {
  const T magnitude = std::abs(x);
  return magnitude - std::nextafter(magnitude, T(-1)) > T(0) && std::isfinite(magnitude)
             ? std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude
             : std::numeric_limits<T>::denorm_min();
}

// In units of what the contract allows; NaN must meet NaN, an overflow the right infinity.
template <class T, class W>
double excess(T got, W want, const eigen::Contract& contract) {
  if (std::isnan(want)) return std::isnan(got) ? 0.0 : std::numeric_limits<double>::infinity();
  const W largest = std::numeric_limits<T>::max();
  // Beyond the largest number, rounding and the contract decide together whether infinity is right.
  const W clipped_want = std::min(std::max(want, -largest), largest);
  const W clipped_got = std::min(std::max(static_cast<W>(got), -largest), largest);
  if (std::isnan(got)) return std::numeric_limits<double>::infinity();
  const W unit = std::abs(clipped_want) == largest ? largest - std::nextafter(static_cast<T>(largest), T(0))
                                                   : spacing(static_cast<T>(clipped_want));
  // The wide function's own error: a few roundings of W.
  const W own = W(8) * std::numeric_limits<W>::epsilon() * std::abs(clipped_want);
  const W allowed = std::max(static_cast<W>(contract.ulp) * unit, static_cast<W>(contract.absolute)) + own;
  return static_cast<double>(std::abs(clipped_got - clipped_want) / allowed);
}

template <class T, class W>
void sweep(const Registry& registry, const Backend& backend, const eigen::Contract& contract, DType dtype) {
  SCOPED_TRACE(fmt::format("{} in {}, {}", contract.op, name_of(dtype), backend.description()));
  const std::vector<T> x = arguments(T());
  const Spec spec{dtype, Shape{static_cast<std::int64_t>(x.size())}};
  const std::vector<T> ones(x.size(), T(1));
  const bool gradient = contract.op.ends_with("_grad");

  Graph graph(registry.ops);
  std::vector<Value> inputs{graph.input("x", spec)};
  if (gradient) inputs.insert(inputs.begin(), graph.input("dy", spec));
  const bool gelu = contract.op.starts_with("gelu");
  const Value y = graph.apply(contract.op, inputs, gelu ? Fields{{"form", std::string("tanh")}} : Fields{});
  const std::int32_t nodes[] = {y.id().node};
  const Offer offer = backend.offer(make_site(graph, nodes).site);
  ASSERT_TRUE(std::holds_alternative<Plan>(offer)) << std::get<Refusal>(offer).reason;
  const Plan& plan = std::get<Plan>(offer);
  EXPECT_EQ(plan.accuracy.ulp, contract.ulp);
  EXPECT_EQ(plan.accuracy.absolute, contract.absolute);

  std::vector<T> result(x.size());
  const void* in[] = {gradient ? ones.data() : x.data(), x.data()};
  void* out[] = {result.data()};
  plan.bind()->run({in, out, nullptr});

  const auto all = functions<W>();
  const auto& f = all.at(contract.op);
  double worst = 0.0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const W want = f(static_cast<W>(x[i]));
    if (std::isinf(x[i]) && std::isnan(want)) continue;  // no limit by this formula
    const double e = excess(result[i], want, contract);
    if (!(e <= worst)) {
      worst = e;
      at = i;
    }
  }
  EXPECT_LE(worst, 1.0) << fmt::format("at {}: got {}, want {}", x[at], result[at],
                                       static_cast<double>(f(static_cast<W>(x[at]))));
}

class EigenAccuracy : public ::testing::TestWithParam<Isa> {};

TEST_P(EigenAccuracy, EveryFunctionKeepsItsContract) {
  Registry registry;
  register_builtin(registry);
  if (registry.backends.find("eigen") == nullptr) GTEST_SKIP() << "built without Eigen";
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
  const char* before = std::getenv("ASSAY_ISA");
  const std::string kept = before == nullptr ? "" : before;
  setenv("ASSAY_ISA", std::string(name_of(GetParam())).c_str(), 1);
  const auto backend = registry.create_backend("eigen", {}, 1);
  for (const eigen::Contract& contract : eigen::kContractsF32) {
    sweep<float, double>(registry, *backend, contract, DType::f32);
  }
  for (const eigen::Contract& contract : eigen::kContractsF64) {
    sweep<double, long double>(registry, *backend, contract, DType::f64);
  }
  before == nullptr ? unsetenv("ASSAY_ISA") : setenv("ASSAY_ISA", kept.c_str(), 1);
}

INSTANTIATE_TEST_SUITE_P(, EigenAccuracy, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace assay
