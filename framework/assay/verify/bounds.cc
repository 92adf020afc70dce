#include "assay/verify/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/verify/guarded_run.h"
#include "assay/verify/op_site.h"

namespace assay::verify {
namespace {

// The site of one op of a fused site, alone.
Site alone(const SiteOp& op) {
  Site site;
  site.ops = {op};
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    site.ops[0].operands[i] = {-1, static_cast<int>(i)};
    site.inputs.push_back({op.inputs[i], {}, false});
  }
  for (const Spec& spec : op.outputs) site.outputs.push_back({spec, {}, false});
  return site;
}

// dx = dy · f′: the op that an activation registers beside itself.
bool is_activation_gradient(const OpDef& op) {
  return op.name.ends_with("_grad") && op.inputs.size() == 2 && op.inputs[0] == "dy" &&
         op.outputs.size() == 1 && (op.inputs[1] == "x" || op.inputs[1] == "y") && op.fields.size() <= 1;
}

// The inputs from number `first` on at one end of their intervals.
template <class B>
std::vector<Tensor> ends(const std::vector<Tensor>& inputs, std::size_t first, int sign) {
  std::vector<Tensor> moved;
  for (const Tensor& t : inputs) {
    moved.push_back(t.clone());
    if (moved.size() <= first || (t.dtype() != DType::bound32 && t.dtype() != DType::bound64)) continue;
    for (B& x : moved.back().as<B>()) x = B::exact(x.value + decltype(x.value)(sign * x.error()));
  }
  return moved;
}

// An activation of an inexact argument may branch either way: f(z ± e) bounds what the branch that was not
// taken could give. Likewise f′(z ± e) in dx = dy · f′, whose first input is not moved.
template <class B>
void widen_by_ends(const BoundKernel& kernel, const std::vector<Tensor>& inputs, std::size_t first,
                   std::vector<Tensor>& outputs) {
  for (const int sign : {-1, 1}) {
    const std::vector<Tensor> at_end = run(kernel, ends<B>(inputs, first, sign));
    const auto main = outputs[0].as<B>();
    const auto end = at_end[0].as<B>();
    for (std::size_t i = 0; i < main.size(); ++i) {
      const double apart = B::at_most(abs(end[i].value - main[i].value)) + end[i].error();
      main[i] = B::term(main[i].value, maximum(main[i].error(), apart));
    }
  }
}

// The contract of an activation or of its derivative, granted to the result. In other ops it stands for the
// functions that they evaluate, to which the bound scalar grants it.
template <class B>
void grant(const OpDef& op, const Accuracy& accuracy, const std::vector<Tensor>& inputs,
           std::vector<Tensor>& outputs) {
  const bool gradient = is_activation_gradient(op);
  if (!op.activation && !gradient) return;
  if (accuracy.ulp == 0.0 && accuracy.absolute == 0.0) return;
  for (Tensor& output : outputs) {
    if (!is_real(output.dtype())) continue;
    const auto y = output.as<B>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      double absolute = accuracy.absolute;
      if (gradient) absolute *= B::size_of(inputs[0].as<B>()[i].value);
      const double allowed = maximum(2 * accuracy.ulp * B::unit() * B::size_of(y[i].value), absolute);
      if (allowed != 0) y[i] = B::term(y[i].value, y[i].error() + allowed);
    }
  }
}

// Ends every sum while the plan's height is in force. Returns the tallest.
template <class B>
double close(std::vector<Tensor>& outputs) {
  double height = 0;
  for (Tensor& output : outputs) {
    if (!is_real(output.dtype())) continue;
    for (B& y : output.as<B>()) {
      height = std::max(height, y.height);
      y = y.closed();
    }
  }
  return height;
}

// The values stay the op's own; the errors become those of the formula that the plan computes by.
template <class B>
void take_errors_of(const Algebra& algebra, const BoundKernel& own, const std::vector<Tensor>& operands,
                    std::vector<Tensor>& outputs, std::string& refusal) {
  BoundKernel formula{own.backend, own.site, {}, algebra.formula ? algebra.formula(own.site) : nullptr};
  if (!formula.kernel) {
    refusal = fmt::format("NOT JUDGED: the plan rewrites the algebra ({}) and has no formula to judge it by",
                          algebra.name);
    return;
  }
  const std::vector<Tensor> rewritten = run(formula, operands);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (!is_real(outputs[o].dtype())) continue;
    const auto exact = outputs[o].as<B>();
    const auto other = rewritten[o].as<B>();
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double error = other[i].error();
      // Both are the same function, or the errors of the one say nothing of the other.
      if (B::at_most(abs(other[i].value - exact[i].value)) > error)
        throw Error(fmt::format("the formula of '{}' is not that of op '{}': {} where the op is {}, at {}",
                                algebra.name, own.site.op().name, static_cast<double>(other[i].value),
                                static_cast<double>(exact[i].value),
                                outputs[o].spec().shape.index_text(static_cast<std::int64_t>(i))));
      exact[i] = B::term(exact[i].value, error);
    }
  }
}

template <class B>
std::vector<Tensor> apply(const Backend& reference, const SiteOp& op, const std::vector<Tensor>& operands,
                          const Accuracy& accuracy, std::string& refusal) {
  constexpr DType kDtype = std::is_same_v<B, Bound32> ? DType::bound32 : DType::bound64;
  const BoundKernel kernel = bind_kernel(reference, with_dtype(alone(op), kDtype), refusal);
  if (!kernel.kernel) {
    refusal = "the reference refuses it: " + refusal;
    return {};
  }
  std::vector<Tensor> outputs = run(kernel, operands);
  if (!accuracy.algebra.name.empty()) {
    take_errors_of<B>(accuracy.algebra, kernel, operands, outputs, refusal);
    if (!refusal.empty()) return {};
  }
  if ((op.op->activation || op.op->name == "sign") && inexact(operands[0]))
    widen_by_ends<B>(kernel, operands, 0, outputs);
  if (is_activation_gradient(*op.op) && inexact(operands[1])) widen_by_ends<B>(kernel, operands, 1, outputs);
  grant<B>(*op.op, accuracy, operands, outputs);
  return outputs;
}

bool is_wide(const std::vector<Spec>& specs) {
  return std::ranges::count(specs, DType::f64, &Spec::dtype) > 0;
}

WithContract contract_of(const Accuracy& accuracy) {
  return WithContract({std::max(accuracy.ulp, 1.0), accuracy.absolute, static_cast<double>(accuracy.height)});
}

template <class B>
Bounded run_bounds(const Backend& reference, const Site& site, const std::vector<Tensor>& inputs,
                   const Accuracy& accuracy, DType dtype) {
  const WithContract contract = contract_of(accuracy);
  const std::vector<Tensor> given = convert_all(inputs, dtype);
  std::vector<std::vector<Tensor>> made;
  for (const SiteOp& op : site.ops) {
    std::vector<Tensor> operands;
    for (const Operand& operand : op.operands) {
      const auto index = static_cast<std::size_t>(operand.index);
      operands.push_back(
          (operand.op < 0 ? given[index] : made[static_cast<std::size_t>(operand.op)][index]).clone());
    }
    std::string refusal;
    // It is the first op of a site whose formula a plan may change.
    Accuracy own = accuracy;
    if (!made.empty()) own.algebra = {};
    made.push_back(apply<B>(reference, op, operands, own, refusal));
    if (!refusal.empty()) return {{}, 0, refusal};
  }
  Bounded bounded;
  bounded.outputs = std::move(made.back());
  made.pop_back();
  for (std::vector<Tensor>& outputs : made)
    std::move(outputs.begin() + 1, outputs.end(), std::back_inserter(bounded.outputs));
  bounded.height = close<B>(bounded.outputs);
  return bounded;
}

// Collects what differs in one tensor.
class Findings {
 public:
  Findings(Comparison& comparison, std::size_t output, std::string name, const Spec& spec)
      : comparison_(comparison), output_(output), name_(std::move(name)), spec_(spec) {}
  ~Findings() {
    if (count_ == 0) return;
    if (comparison_.failed == 0 || ratio_ > comparison_.worst_ratio) {
      comparison_.worst_output = output_;
      comparison_.worst_index = worst_;
      comparison_.worst_ratio = ratio_;
    }
    comparison_.failed += count_;
    if (!comparison_.detail.empty()) comparison_.detail += "\n  ";
    comparison_.detail +=
        fmt::format("{} {}: {} of {} elements differ, from {} to {}; worst at {}: {}", name_,
                    spec_.to_string(), count_, spec_.count(), spec_.shape.index_text(first_),
                    spec_.shape.index_text(last_), spec_.shape.index_text(worst_), values_);
  }
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  template <class Values>
  void add(std::int64_t index, double ratio, Values values) {
    if (count_ == 0) first_ = index;
    last_ = index;
    if (count_++ > 0 && !(ratio > ratio_)) return;
    ratio_ = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
    worst_ = index;
    values_ = values();
  }

 private:
  Comparison& comparison_;
  std::size_t output_;
  std::string name_;
  Spec spec_;
  std::int64_t count_ = 0, first_ = 0, last_ = 0, worst_ = 0;
  double ratio_ = 0;
  std::string values_;
};

std::string name_of_output(const std::vector<std::string>& names, std::size_t o) {
  return o < names.size() ? "output '" + names[o] + "'" : fmt::format("output {}", o);
}

template <class Narrow, class B>
void compare_reals(std::span<const Narrow> got, std::span<const B> want, Comparison& comparison,
                   Findings& findings) {
  using W = decltype(B::value);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const W value = want[i].value, bound(want[i].error());
    const auto index = static_cast<std::int64_t>(i);
    // Beyond either format, or made from what may be: nothing to judge by.
    if (!isfinite(value) || !isfinite(bound)) continue;
    ++comparison.judged;
    const W error = abs(W(got[i]) - value);
    const double ratio = bound == W(0) ? (error == W(0) ? 0.0 : std::numeric_limits<double>::infinity())
                                       : static_cast<double>(error / bound);
    if (error <= bound) {
      comparison.ratio = std::max(comparison.ratio, ratio);
      continue;
    }
    comparison.ratio =
        std::max(comparison.ratio, std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio);
    findings.add(index, ratio, [&] {
      return fmt::format("got {}, exact value {}, error {:.3g} is {:.3g} times the bound {:.3g}", got[i],
                         static_cast<double>(value), static_cast<double>(error), ratio,
                         static_cast<double>(bound));
    });
  }
}

template <class T>
void compare_whole(const Tensor& got, const Tensor& want, Comparison& comparison, Findings& findings) {
  const auto a = got.as<T>(), b = want.as<T>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++comparison.judged;
    if (a[i] == b[i]) continue;
    comparison.ratio = std::numeric_limits<double>::infinity();
    findings.add(static_cast<std::int64_t>(i), 1.0,
                 [&] { return fmt::format("got {}, want {}", a[i], b[i]); });
  }
}

}  // namespace

Bounded run_on_bounds(const Backend& reference, const Site& site, const std::vector<Tensor>& inputs,
                      const Accuracy& accuracy) {
  bool wide = false;
  for (const Port& port : site.inputs) wide = wide || port.spec.dtype == DType::f64;
  for (const Port& port : site.outputs) wide = wide || port.spec.dtype == DType::f64;
  return wide ? run_bounds<Bound64>(reference, site, inputs, accuracy, DType::bound64)
              : run_bounds<Bound32>(reference, site, inputs, accuracy, DType::bound32);
}

std::vector<Tensor> apply_on_bounds(const Backend& reference, const SiteOp& op,
                                    const std::vector<Tensor>& operands, const Accuracy& accuracy,
                                    std::string& refusal) {
  const WithContract contract = contract_of(accuracy);
  return is_wide(op.inputs) || is_wide(op.outputs)
             ? apply<Bound64>(reference, op, operands, accuracy, refusal)
             : apply<Bound32>(reference, op, operands, accuracy, refusal);
}

bool inexact(const Tensor& tensor) {
  const auto any = [&]<class B>(B*) {
    return std::ranges::any_of(tensor.as<B>(), [](const B& x) { return x.error() != 0; });
  };
  if (tensor.dtype() == DType::bound32) return any(static_cast<Bound32*>(nullptr));
  if (tensor.dtype() == DType::bound64) return any(static_cast<Bound64*>(nullptr));
  return false;
}

std::string basis_of(const Bounded& bounded, const Accuracy& accuracy) {
  if (std::ranges::none_of(bounded.outputs, [](const Tensor& t) { return is_real(t.dtype()); }))
    return "exact";
  std::string text = accuracy.algebra.name.empty() ? "running error bound"
                                                   : "running error bound of " + accuracy.algebra.name;
  if (bounded.height > 1) {
    text = accuracy.height > 0 ? fmt::format("γ_k with k = {} by the plan",
                                             std::min(bounded.height, static_cast<double>(accuracy.height)))
                               : fmt::format("γ_k with k = {}, any order", bounded.height);
  }
  if (accuracy.ulp > 0) text += fmt::format("; functions within {} ulp by contract", accuracy.ulp);
  if (accuracy.absolute > 0) text += fmt::format(" or {:.2g}", accuracy.absolute);
  return text;
}

Comparison compare(const std::vector<Tensor>& got, const Bounded& bounded,
                   const std::vector<std::string>& names) {
  Comparison comparison;
  for (std::size_t o = 0; o < got.size(); ++o) {
    const Tensor& want = bounded.outputs[o];
    Findings findings(comparison, o, name_of_output(names, o), got[o].spec());
    switch (got[o].dtype()) {
      case DType::f32:
        compare_reals<float, Bound32>(got[o].as<float>(), want.as<Bound32>(), comparison, findings);
        break;
      case DType::f64:
        compare_reals<double, Bound64>(got[o].as<double>(), want.as<Bound64>(), comparison, findings);
        break;
      case DType::i32:
        compare_whole<std::int32_t>(got[o], want, comparison, findings);
        break;
      default:
        compare_whole<std::uint8_t>(got[o], want, comparison, findings);
        break;
    }
  }
  return comparison;
}

Comparison compare_exactly(const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                           const std::vector<std::string>& names, double relative) {
  Comparison comparison;
  for (std::size_t o = 0; o < got.size(); ++o) {
    Findings findings(comparison, o, name_of_output(names, o), got[o].spec());
    for (std::int64_t i = 0; i < got[o].count(); ++i) {
      const double a = element(got[o].view(), i), b = element(want[o].view(), i);
      ++comparison.judged;
      if (a == b || std::abs(a - b) <= relative * std::abs(b)) continue;
      comparison.ratio = std::numeric_limits<double>::infinity();
      findings.add(i, std::abs(a - b), [&] { return fmt::format("got {}, want {}", a, b); });
    }
  }
  return comparison;
}

}  // namespace assay::verify
