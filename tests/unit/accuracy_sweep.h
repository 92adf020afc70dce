// What the sweeps of the backends' functions against their accuracy contracts share: the functions in a wider
// format, the arguments, and the measure of an error. f32 is swept over all bit patterns with a stride, f64
// over random bit patterns and a grid.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/random.h"
#include "assay/program/place.h"

namespace assay::testing {

template <class W>
W logistic(W x) {
  return x >= W(0) ? W(1) / (W(1) + std::exp(-x)) : std::exp(x) / (W(1) + std::exp(x));
}

/// Φ(x). erfc magnifies the rounding of x/√2 by x², so that is carried in two parts.
template <class W>
W normal_cdf(W x) {
  const W root = std::sqrt(W(0.5)), root_rest = std::fma(-root, root, W(0.5)) / (W(2) * root);
  const W u = -x * root, lost = std::fma(-x, root, -u) - x * root_rest;
  const W slope = std::isfinite(lost) ? std::exp(-u * u) * lost / std::sqrt(std::atan(W(1))) : W(0);
  return (std::erfc(u) - slope) / W(2);
}

/// The functions in the wide format W by op (and form, of gelu), derivatives as those of f′ for dy = 1.
template <class W>
std::map<std::string, std::function<W(W)>, std::less<>> wide_functions() {
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
      {"gelu erf", [](W x) { return x * normal_cdf(x); }},
      {"gelu tanh", [=](W x) { return x * logistic(gate(x)); }},
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
      {"gelu_grad erf", [=](W x) { return normal_cdf(x) + x * std::exp(-x * x / W(2)) * root / W(2); }},
      {"gelu_grad tanh",
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

/// Distance between numbers of T around a real number.
template <class T, class W>
W ulp_at(W value) {
  using Limits = std::numeric_limits<T>;
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(W(1), std::max(exponent, Limits::min_exponent) - Limits::digits);
}

/// What a backend declares of a function.
struct Claim {
  std::string op;
  std::string form;  ///< of gelu; empty elsewhere
  double ulp, absolute;

  std::string name() const { return form.empty() ? op : op + " " + form; }
};

/// The error in units of what the claim allows; NaN must meet NaN, an overflow the right infinity.
template <class T, class W>
double excess(T got, W want, const Claim& claim) {
  if (std::isnan(want)) return std::isnan(got) ? 0.0 : std::numeric_limits<double>::infinity();
  if (std::isnan(got)) return std::numeric_limits<double>::infinity();
  // Beyond the largest number, rounding and the contract decide together whether infinity is right.
  const W largest = std::numeric_limits<T>::max();
  const W clipped_want = std::clamp(want, -largest, largest);
  const W clipped_got = std::clamp(static_cast<W>(got), -largest, largest);
  // The wide function's own error: a few roundings of W.
  const W own = W(8) * std::numeric_limits<W>::epsilon() * std::abs(clipped_want);
  const W allowed =
      std::max(static_cast<W>(claim.ulp) * ulp_at<T>(clipped_want), static_cast<W>(claim.absolute)) + own;
  return static_cast<double>(std::abs(clipped_got - clipped_want) / allowed);
}

/// All floats `stride` bit patterns apart, and a grid where functions bend. ASSAY_SWEEP_STRIDE=1 sweeps all
/// 2³².
class SweptFloats {
 public:
  SweptFloats() {
    if (const char* wanted = std::getenv("ASSAY_SWEEP_STRIDE")) stride_ = std::strtoull(wanted, nullptr, 10);
  }
  std::uint64_t count() const { return patterns() + 60001; }
  float operator[](std::uint64_t i) const {
    if (i < patterns()) return std::bit_cast<float>(static_cast<std::uint32_t>(i * stride_));
    return static_cast<float>(static_cast<double>(i - patterns()) - 30000.0) * 0.0037f;
  }

 private:
  std::uint64_t patterns() const { return ((std::uint64_t{1} << 32) + stride_ - 1) / stride_; }
  std::uint64_t stride_ = 16381;
};

class SweptDoubles {
 public:
  std::uint64_t count() const { return 2 * kRandom + 60001; }
  double operator[](std::uint64_t i) const {
    if (i >= 2 * kRandom) return (static_cast<double>(i - 2 * kRandom) - 30000.0) * 0.02513;
    const auto words = random_bits({1, 0}, 0, 0, static_cast<std::uint32_t>(i / 2));
    const auto any = std::bit_cast<double>(static_cast<std::uint64_t>(words[0]) << 32 | words[1]);
    if (i % 2 == 0) return any;
    // The same with an exponent at which no function has left its range yet.
    return std::ldexp(any < 0 ? -1.0 : 1.0, static_cast<int>(words[2] % 40) - 30) *
           (1.0 + words[3] * 0x1p-32);
  }

 private:
  static constexpr std::uint64_t kRandom = 50000;
};

inline SweptFloats swept(float) { return {}; }
inline SweptDoubles swept(double) { return {}; }

/// An exponent for which base^exponent is mostly within T's range; integers for every third.
template <class T>
T exponent_for(T base, std::uint64_t i) {
  const double u = 2.0 * random_uniform({2, 0}, 0, 0, static_cast<std::uint32_t>(i)) - 1.0;
  const double bits = std::log2(std::abs(static_cast<double>(base)));
  if (i % 3 == 0 || !std::isfinite(bits) || bits == 0.0) return static_cast<T>(std::round(64.0 * u));
  return static_cast<T>(1.1 * u * std::numeric_limits<T>::max_exponent / bits);
}

/// Sweeps one function of a backend: its plan declares the claim, and the claim holds.
template <class T, class W>
void expect_claim_kept(const OpTable& ops, const Backend& backend, const Claim& claim) {
  const DType dtype = std::is_same_v<T, float> ? DType::f32 : DType::f64;
  SCOPED_TRACE(fmt::format("{} in {}, {}", claim.name(), name_of(dtype), backend.description()));
  const bool power = claim.op == "pow", gradient = claim.op.ends_with("_grad");
  constexpr std::int64_t block = 1 << 18;
  Graph graph(ops);
  std::vector<Value> operands;
  for (int i = 0; i < (power || gradient ? 2 : 1); ++i) {
    operands.push_back(graph.input(std::to_string(i), {dtype, Shape{block}}));
  }
  const Fields fields = claim.form.empty() ? Fields{} : Fields{{"form", claim.form}};
  const std::int32_t nodes[] = {graph.apply(claim.op, operands, fields).id().node};
  const Offer offer = backend.offer(make_site(graph, nodes).site);
  ASSERT_TRUE(std::holds_alternative<Plan>(offer)) << std::get<Refusal>(offer).reason;
  const Plan& plan = std::get<Plan>(offer);
  EXPECT_EQ(plan.accuracy.ulp, claim.ulp);
  EXPECT_EQ(plan.accuracy.absolute, claim.absolute);
  const KernelPtr kernel = plan.bind();

  const auto functions = wide_functions<W>();
  const auto want = [&](T x, T second) -> W {
    return power ? std::pow(static_cast<W>(x), static_cast<W>(second))
                 : functions.find(claim.name())->second(static_cast<W>(x));
  };
  ASSERT_TRUE(power || functions.contains(claim.name())) << "not a function that this test knows";
  const auto arguments = swept(T());
  std::vector<T> x(block), second(block), y(block);
  double worst = 0.0;
  std::string at;
  for (std::uint64_t start = 0; start < arguments.count(); start += block) {
    const auto count = std::min<std::uint64_t>(block, arguments.count() - start);
    for (std::uint64_t i = 0; i < count; ++i) {
      x[i] = arguments[start + i];
      second[i] = power ? exponent_for(x[i], start + i) : T(1);
    }
    const void* in[] = {gradient ? second.data() : x.data(), gradient ? x.data() : second.data()};
    void* out[] = {y.data()};
    kernel->run({in, out, nullptr});
    for (std::uint64_t i = 0; i < count; ++i) {
      const W exact = want(x[i], second[i]);
      if (std::isinf(x[i]) && std::isnan(exact)) continue;  // no limit by this formula
      const double e = excess(y[i], exact, claim);
      if (e <= worst) continue;
      worst = e;
      at = fmt::format("at {}: got {}, want {}", x[i], y[i], static_cast<double>(exact));
      if (power) at += fmt::format(", exponent {}", second[i]);
    }
  }
  EXPECT_LE(worst, 1.0) << at;
}

}  // namespace assay::testing
