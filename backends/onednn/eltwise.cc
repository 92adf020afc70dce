// Elementwise functions of one value, and their derivatives, where the library's are accurate (accuracy.h).
// They take their operand in whatever layout it lies and leave the result there.
#include <dnnl.hpp>
#include <map>
#include <string>

#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/elementwise.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

using dnnl::algorithm;

struct Function {
  algorithm kind;
  enum class Pass : std::uint8_t { forward, backward_by_input, backward_by_output } pass;
  const char* alpha_field = nullptr;  ///< of the op, that the algorithm's alpha is
  float alpha = 0.0f;
  float beta = 0.0f;
};

using enum Function::Pass;

const std::map<std::string, Function, std::less<>>& functions() {
  static const std::map<std::string, Function, std::less<>> table{
      {"abs", {algorithm::eltwise_abs, forward}},
      {"sqrt", {algorithm::eltwise_sqrt, forward}},
      {"relu", {algorithm::eltwise_relu, forward}},
      {"relu_grad", {algorithm::eltwise_relu_use_dst_for_bwd, backward_by_output}},
      {"leaky_relu", {algorithm::eltwise_relu, forward, "slope"}},
      {"leaky_relu_grad", {algorithm::eltwise_relu, backward_by_input, "slope"}},
      {"tanh", {algorithm::eltwise_tanh, forward}},
      {"tanh_grad", {algorithm::eltwise_tanh_use_dst_for_bwd, backward_by_output}},
      {"sigmoid", {algorithm::eltwise_logistic, forward}},
      {"sigmoid_grad", {algorithm::eltwise_logistic_use_dst_for_bwd, backward_by_output}},
      {"hard_swish", {algorithm::eltwise_hardswish, forward, nullptr, 1.0f / 6.0f, 0.5f}},
      {"hard_swish_grad", {algorithm::eltwise_hardswish, backward_by_input, nullptr, 1.0f / 6.0f, 0.5f}},
      {"softplus_grad", {algorithm::eltwise_soft_relu, backward_by_input, nullptr, 1.0f, 0.0f}},
      {"silu_grad", {algorithm::eltwise_swish, backward_by_input, nullptr, 1.0f, 0.0f}},
  };
  return table;
}

Eltwise algorithm_of(const Function& function, const Fields& fields) {
  const float alpha = function.alpha_field != nullptr
                          ? static_cast<float>(fields.number(function.alpha_field))
                          : function.alpha;
  return {function.kind, alpha, function.beta};
}

Offer offer_at(const Context& context, const Site& site, const Function& function, const Arrangement& where) {
  const Eltwise eltwise_function = algorithm_of(function, site.fields());
  Sequence sequence(context);
  if (function.pass == forward) {
    sequence.add(eltwise(context.engine, eltwise_function, where.desc),
                 {{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_DST, Buffer::output(0)}});
  } else {
    sequence.add(eltwise_backward(context.engine, eltwise_function, where.desc),
                 {{DNNL_ARG_DIFF_DST, Buffer::input(0)},
                  {function.pass == backward_by_output ? DNNL_ARG_DST : DNNL_ARG_SRC, Buffer::input(1)},
                  {DNNL_ARG_DIFF_SRC, Buffer::output(0)}});
  }
  Offer offer = sequence.plan(site.op().name);
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    promise(plan->accuracy, site.op().name);
    plan->in_place = {{0, 0}};
    lie_in(*plan, site, where.layout);
  }
  return offer;
}

// Whether a leaky relu is relu, which makes a NaN 0.
bool is_relu(const SiteOp& op) { return op.op->name == "leaky_relu" && op.fields->number("slope") == 0; }

Offer offer_eltwise(const Context& context, const Site& site) {
  if (site.ops.size() > 1) return Refusal{"another op behind it"};
  const Function& function = functions().find(site.op().name)->second;
  if (!has_fused_multiply_add() && needs_fused_multiply_add(site.op().name)) {
    return Refusal{"without fused multiply-add (AVX2) oneDNN's exponential is off by 68 ulp"};
  }
  if (is_relu(site.ops.front())) return Refusal{"with slope 0 oneDNN's leaky relu loses NaN"};
  // The padding of a blocked layout is zero and has to stay so: a cotangent's padding does, under any
  // derivative.
  const bool keeps_zero = function.pass != forward || function.kind != algorithm::eltwise_logistic;
  return in_some_layout(context, site, keeps_zero,
                        [&](const Arrangement& where) { return offer_at(context, site, function, where); });
}

}  // namespace

std::optional<Eltwise> activation_of(const SiteOp& op) {
  const auto it = functions().find(op.op->name);
  if (it == functions().end() || it->second.pass != forward) return std::nullopt;
  if (!has_fused_multiply_add() && needs_fused_multiply_add(op.op->name)) return std::nullopt;
  if (is_relu(op)) return std::nullopt;
  return algorithm_of(it->second, *op.fields);
}

Refusal refuse_activation(const SiteOp& op) {
  return {"oneDNN's '" + op.op->name + "' is inaccurate or loses NaN"};
}

void add_eltwise_kernels(KernelTable& kernels, Context& context) {
  for (const auto& [name, function] : functions()) {
    kernels.add(
        name, [&context](const Site& site) { return offer_eltwise(context, site); }, "onednn");
  }
  for (const Defect& defect : kDefects) {
    kernels.add(
        defect.op, [reason = std::string(defect.reason)](const Site&) -> Offer { return Refusal{reason}; },
        "onednn");
  }
}

}  // namespace assay::onednn
