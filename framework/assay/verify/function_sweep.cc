#include "assay/verify/function_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/core/random.h"
#include "assay/verify/guarded_run.h"
#include "assay/verify/op_site.h"

namespace assay::verify {
namespace {

using Kind = SweptFunction::Kind;

// The function on tensors of one shape.
struct FunctionSite {
  FunctionSite(const Registry& registry, const SweptFunction& function, DType dtype, const Shape& shape)
      : op_site(make_op_site(
            registry.ops, *function.op,
            {{}, std::vector<CaseInput>(function.op->inputs.size(), {shape}), function.fields}, dtype)),
        site(op_site.site()) {}
  OpSite op_site;  // holds what `site` points to
  Site site;
};

// The kernel in another real dtype. Throws Error where the reference has none.
BoundKernel reference_kernel(const Backend& reference, const Site& site, DType dtype) {
  std::string refusal;
  BoundKernel kernel = bind_kernel(reference, with_dtype(site, dtype), refusal);
  if (!kernel.kernel)
    throw Error(
        fmt::format("op '{}': the reference refuses {}: {}", site.op().name, name_of(dtype), refusal));
  return kernel;
}

std::vector<Tensor> operands(Kind kind, Tensor x, Tensor second) {
  std::vector<Tensor> inputs;
  if (kind == Kind::derivative) inputs.push_back(std::move(second));
  inputs.push_back(std::move(x));
  if (kind == Kind::power) inputs.push_back(std::move(second));
  return inputs;
}

// f of a matrix is the matrix of f of its elements.
bool is_elementwise(const Registry& registry, const Backend& reference, const SweptFunction& function) {
  const auto value_at = [&](const Shape& shape, const std::vector<double>& x) -> std::vector<double> {
    const FunctionSite site(registry, function, DType::f64, shape);
    if (site.site.outputs.size() != 1 || site.site.output() != site.site.input(0)) return {};
    std::vector<Tensor> inputs;
    inputs.push_back(Tensor::of(DType::f64, shape, x));
    return to_doubles(
        assay::verify::run(reference_kernel(reference, site.site, DType::f64), inputs).at(0).view());
  };
  try {
    const std::vector<double> all{0.75, 1.625, 2.5, 0.375};
    std::vector<double> one_by_one;
    for (const double x : all) std::ranges::copy(value_at({1}, {x}), std::back_inserter(one_by_one));
    return one_by_one.size() == all.size() && value_at({2, 2}, all) == one_by_one;
  } catch (const Error&) {
    return false;  // does not take a vector
  }
}

// The range of an activation in f32: the arguments that a derivative by its output meets.
void restrict_to_range(const Registry& registry, const Backend& reference, const OpDef& activation,
                       SweptFunction& derivative) {
  const FloatArguments arguments(65521);
  const SweptFunction function{&activation, derivative.fields};
  const auto n = static_cast<std::int64_t>(arguments.count());
  const FunctionSite site(registry, function, DType::f32, Shape{n});
  std::vector<Tensor> inputs;
  inputs.emplace_back(Spec{DType::f32, Shape{n}});
  for (std::int64_t i = 0; i < n; ++i)
    inputs[0].as<float>()[static_cast<std::size_t>(i)] = arguments[static_cast<std::uint64_t>(i)];
  const std::vector<Tensor> y =
      assay::verify::run(reference_kernel(reference, site.site, DType::f32), inputs);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const float value : y[0].as<float>()) {
    if (std::isnan(value)) continue;
    low = std::min<double>(low, value);
    high = std::max<double>(high, value);
  }
  derivative.low = low;
  derivative.high = high;
}

std::vector<Fields> settings_of(const OpDef& op) {
  std::vector<Fields> settings;
  for (const Case& c : op.cases) {
    Fields fields = complete(op.fields, c.fields, op.name);
    if (std::ranges::find(settings, fields) == settings.end()) settings.push_back(std::move(fields));
  }
  return settings;
}

// An exponent for which |x|^exponent mostly stays in range; whole numbers for every third.
template <class T>
T exponent_for(T x, std::uint64_t i) {
  const double u = 2.0 * random_uniform({2, 0}, 0, 0, static_cast<std::uint32_t>(i)) - 1.0;
  const double bits = std::log2(std::abs(static_cast<double>(x)));
  if (i % 3 == 0 || !std::isfinite(bits) || bits == 0.0) return static_cast<T>(std::round(64.0 * u));
  return static_cast<T>(1.1 * u * std::numeric_limits<T>::max_exponent / bits);
}

// Distance between numbers of T around a real number.
template <class T>
double ulp_at(double value) {
  using Limits = std::numeric_limits<T>;
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent, Limits::min_exponent) - Limits::digits);
}

bool is_nan(double x) { return std::isnan(x); }
bool is_nan(const Quad& x) { return !(x == x); }

// T is judged; B computes exact values and their bounds in W.
template <class T, class B>
class FunctionSweep {
  using W = decltype(B::value);
  static constexpr bool kSingle = std::is_same_v<T, float>;
  static constexpr DType kDType = kSingle ? DType::f32 : DType::f64;
  static constexpr DType kBound = kSingle ? DType::bound32 : DType::bound64;
  // To first order, the running error bound is proportional to the unit roundoff: the wide format's own is
  // u(W)/u(T) of it. Four times that, as its functions are granted what T's library is.
  static constexpr double kOwnShare = kSingle ? 0x1p-27 : 0x1p-58;
  // Below this, an infinite result is off by more than the exact one is large: no rounding makes it.
  static constexpr double kSafelyFinite = static_cast<double>(std::numeric_limits<T>::max()) / 2;

 public:
  FunctionSweep(const Registry& registry, const SweptFunction& function, const Backend& reference,
                const std::vector<const Backend*>& backends, std::vector<FunctionError>& rows)
      : registry_(registry),
        function_(function),
        reference_(reference),
        site_(registry, function, kDType, Shape{kSweepBlock}),
        bound_(reference_kernel(reference, site_.site, kBound)),
        rows_(rows),
        wants_(static_cast<std::size_t>(kSweepBlock)) {
    for (std::size_t b = 0; b < backends.size(); ++b) {
      BoundKernel kernel = bind_kernel(*backends[b], site_.site, rows[b].refusal);
      if (kernel.kernel) {
        rows[b].declared = kernel.plan.accuracy;
        rows[b].subject.implementation = kernel.plan.implementation;
      } else if (rows[b].refusal.empty()) {
        throw Error(fmt::format("backend '{}' refuses '{}' without a reason", backends[b]->name(),
                                function.op->name));
      }
      kernels_.push_back(std::move(kernel));
    }
  }

  /// arguments[begin + i] for i < count ≤ kSweepBlock.
  template <class Arguments>
  void judge_block(const Arguments& arguments, std::uint64_t begin, std::int64_t count) {
    const Spec spec{kDType, Shape{kSweepBlock}};
    Tensor x(spec), second(spec);
    for (std::int64_t i = 0; i < kSweepBlock; ++i) {
      const std::uint64_t at = begin + static_cast<std::uint64_t>(std::min(i, count - 1));
      T& argument = x.as<T>()[static_cast<std::size_t>(i)];
      argument = arguments[at];
      second.as<T>()[static_cast<std::size_t>(i)] =
          function_.kind == Kind::power ? exponent_for(argument, at) : T(1);
    }
    const std::vector<Tensor> inputs = operands(function_.kind, x.clone(), second.clone());
    expect(inputs, x.as<T>(), count);
    for (std::size_t b = 0; b < kernels_.size(); ++b) {
      if (!kernels_[b].kernel) continue;
      const std::vector<Tensor> got = assay::verify::run(kernels_[b], inputs);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(i);
        judge(rows_[b], wants_[index], x.as<T>()[index], second.as<T>()[index], got[0].as<T>()[index]);
      }
    }
  }

 private:
  enum class Meaning : std::uint8_t { number, undefined, outside, nan_argument };

  struct Want {
    Meaning meaning = Meaning::number;
    W value{};           // clipped to the largest number of T
    double own = 0.0;    // how far that may be off
    double bound = 0.0;  // of the formula
    double ulp = 0.0;
    std::optional<Quad> quad{};  // clipped, too; once it has been asked for
  };

  static W clipped(const W& value) {
    const W largest(std::numeric_limits<T>::max());
    return value > largest ? largest : value < -largest ? -largest : value;
  }

  void expect(const std::vector<Tensor>& inputs, std::span<const T> x, std::int64_t count) {
    const WithContract contract({});
    const std::vector<Tensor> exact = assay::verify::run(bound_, convert_all(inputs, kBound));
    const auto values = exact[0].template as<B>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      Want& want = wants_[i];
      want = {};
      if (std::isnan(x[i])) {
        want.meaning = Meaning::nan_argument;
      } else if (x[i] < static_cast<T>(function_.low) || x[i] > static_cast<T>(function_.high)) {
        want.meaning = Meaning::outside;
      } else if (is_nan(values[i].value)) {
        // At ±∞ the formula may have no limit (∞ · 0) although the function has one.
        want.meaning = std::isinf(x[i]) ? Meaning::outside : Meaning::undefined;
      } else {
        want.value = clipped(values[i].value);
        if (isfinite(values[i].value)) {
          want.bound = values[i].error();
          want.own = kOwnShare * want.bound;
        }
        want.ulp = ulp_at<T>(static_cast<double>(want.value));
      }
    }
  }

  // The exact value where the double cannot decide.
  const Quad& quad_value(Want& want, T x, T second) {
    if (!want.quad) {
      if (!quad_) {
        quad_site_.emplace(registry_, function_, kDType, Shape{1});
        quad_ = reference_kernel(reference_, quad_site_->site, DType::quad);
      }
      const auto one = [](T value) {
        return Tensor::of(kDType, Shape{1}, std::vector<double>{static_cast<double>(value)});
      };
      const std::vector<Tensor> inputs = operands(function_.kind, one(x), one(second));
      const Quad value =
          assay::verify::run(*quad_, convert_all(inputs, DType::quad))[0].template as<Quad>()[0];
      const Quad largest(std::numeric_limits<T>::max());
      want.quad = value > largest ? largest : value < -largest ? -largest : value;
    }
    return *want.quad;
  }

  void judge(FunctionError& row, Want& want, T x, T second, T got) {
    if (want.meaning == Meaning::outside) return;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (want.meaning == Meaning::nan_argument) {
      if (std::isnan(got)) return;
      ++row.lost_nans;
      // Which piece a derivative is of, a comparison says, and NaN lies on either side; and NaN⁰ is 1.
      if (row.declared.keeps_nan && function_.kind == Kind::value)
        fail(row, x, second, got, want, kInfinity, kInfinity);
      return;
    }
    ++row.judged;
    if (want.meaning == Meaning::undefined || std::isnan(got)) {
      if (want.meaning == Meaning::undefined && std::isnan(got)) return;
      note(row, x, second, got, want, kInfinity);
      fail(row, x, second, got, want, kInfinity, kInfinity);
      return;
    }
    const W clipped_got = clipped(W(got));
    double error = static_cast<double>(W(clipped_got - want.value));
    const double ulps = error / want.ulp;
    row.mean_ulp += std::abs(ulps);
    row.mean_signed_ulp += ulps;
    if (std::abs(ulps) > row.max_ulp || row.judged == 1) note(row, x, second, got, want, std::abs(ulps));

    if (const double size = std::abs(static_cast<double>(want.value)); std::isfinite(size))
      row.supremum = std::max(row.supremum, size);
    const bool declares = row.declared.ulp > 0.0 || row.declared.absolute > 0.0;
    const double allowed =
        declares ? std::max(row.declared.ulp * want.ulp, row.declared.absolute) : want.bound;
    error = std::abs(error);
    // The formula's bound says nothing once a step of it may overflow. That is no reason to lose a value.
    if (allowed == kInfinity && std::isinf(got) &&
        std::abs(static_cast<double>(want.value)) < kSafelyFinite) {
      fail(row, x, second, got, want, error, want.ulp);
      return;
    }
    const bool decided = error + want.own <= allowed || error - want.own > allowed;
    if (kSingle && !decided)
      error = std::abs(static_cast<double>(Quad(Quad(clipped_got) - quad_value(want, x, second))));
    const double ratio = error == 0.0 ? 0.0 : error / allowed;
    if (ratio <= row.ratio) return;
    row.ratio = ratio;
    if (!(error <= allowed)) fail(row, x, second, got, want, error, allowed);
  }

  static bool is_undefined(const Want& want) {
    return want.meaning == Meaning::undefined || want.meaning == Meaning::nan_argument;
  }

  void note(FunctionError& row, T x, T second, T got, const Want& want, double ulps) const {
    row.max_ulp = ulps;
    row.x = static_cast<double>(x);
    row.second = static_cast<double>(second);
    row.got = static_cast<double>(got);
    row.exact = is_undefined(want) ? std::nan("") : static_cast<double>(want.value);
  }

  void fail(FunctionError& row, T x, T second, T got, const Want& want, double error, double allowed) const {
    row.holds = false;
    row.ratio = std::max(
        row.ratio, std::isnan(error / allowed) ? std::numeric_limits<double>::infinity() : error / allowed);
    row.finding = fmt::format(
        "{}({}{}) is {}, but should be {}: off by {:.4g} ulp, {:.3g}; allowed are {:.3g}; x has the bits {}",
        function_.op->name, x, function_.kind == Kind::power ? fmt::format(", {}", second) : "", got,
        is_undefined(want) ? std::nan("") : static_cast<double>(want.value), error / want.ulp, error, allowed,
        bits_of(static_cast<double>(x), kDType));
  }

  const Registry& registry_;
  const SweptFunction& function_;
  const Backend& reference_;
  const FunctionSite site_;
  const BoundKernel bound_;
  std::vector<BoundKernel> kernels_;
  std::vector<FunctionError>& rows_;
  std::vector<Want> wants_;
  std::optional<FunctionSite> quad_site_;
  std::optional<BoundKernel> quad_;
};

template <class T, class B, class Arguments>
void sweep(const Registry& registry, const SweptFunction& function, const Arguments& arguments,
           std::uint64_t begin, std::uint64_t end, const Backend& reference,
           const std::vector<const Backend*>& backends, std::vector<FunctionError>& rows) {
  FunctionSweep<T, B> sweep(registry, function, reference, backends, rows);
  for (std::uint64_t at = begin; at < end; at += kSweepBlock)
    sweep.judge_block(arguments, at,
                      static_cast<std::int64_t>(std::min<std::uint64_t>(end - at, kSweepBlock)));
}

}  // namespace

std::vector<SweptFunction> functions_of(const Registry& registry, const std::vector<std::string>& ops) {
  for (const std::string& name : ops) (void)registry.ops.at(name);
  const std::unique_ptr<Backend> reference = registry.create_backend("reference", {}, 1);
  std::vector<SweptFunction> functions;
  for (const auto& [name, entry] : registry.ops.entries()) {
    const OpDef& op = entry.value;
    if (op.view || (!ops.empty() && std::ranges::find(ops, name) == ops.end())) continue;
    const OpDef* activation =
        name.ends_with("_grad") ? registry.ops.find(name.substr(0, name.size() - 5)) : nullptr;
    for (const Fields& fields : settings_of(op)) {
      SweptFunction function{&op, fields};
      if (op.inputs.size() == 2 && activation != nullptr && activation->activation) {
        function.kind = Kind::derivative;
        if (op.inputs[1] == "y") restrict_to_range(registry, *reference, *activation, function);
      } else if (name == "pow") {
        function.kind = Kind::power;
      } else if (op.inputs.size() != 1 || op.inputs[0].ends_with('*') ||
                 !is_elementwise(registry, *reference, function)) {
        continue;
      }
      functions.push_back(std::move(function));
    }
  }
  return functions;
}

void sweep_function(const Registry& registry, const SweptFunction& function, DType dtype,
                    const SweepArguments& arguments, std::uint64_t begin, std::uint64_t end,
                    const Backend& reference, const std::vector<const Backend*>& backends,
                    std::vector<FunctionError>& rows) {
  if (dtype == DType::f32) {
    sweep<float, Bound32>(registry, function, arguments.floats, begin, end, reference, backends, rows);
  } else {
    sweep<double, Bound64>(registry, function, arguments.doubles, begin, end, reference, backends, rows);
  }
}

}  // namespace assay::verify
