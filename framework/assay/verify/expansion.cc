#include <fmt/format.h>

#include <cmath>
#include <string>

#include "assay/core/quad.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/rule_oracles.h"

namespace assay::verify {
namespace {

// The op's outputs by its expansion, node by node.
std::vector<Tensor> run_parts(const Registry& registry, const Backend& reference, const OpDef& op,
                              const Fields& fields, const std::vector<Tensor>& inputs) {
  Graph parts(registry.ops);
  Bindings bindings;
  std::vector<Value> operands;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back(parts.input(std::to_string(i), inputs[i].spec()));
    bindings.emplace(std::to_string(i), inputs[i].clone());
  }
  const std::vector<Value> results = op.expand(operands, fields);
  const Values values = evaluate(parts, reference, bindings);
  std::vector<Tensor> outputs;
  for (const Value result : results) outputs.push_back(values.at(result.id()).clone());
  return outputs;
}

// Of numbers whose exponentials overflow. Empty, or what is not finite in the parts and is in the op.
std::string what_overflows(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                           std::uint64_t seed) {
  const OpSite whole = make_op_site(registry.ops, op, c, DType::f32);
  std::string refusal;
  const BoundKernel kernel = bind_kernel(reference, whole.site(), refusal);
  if (!kernel.kernel) return {};
  const std::vector<Tensor> inputs =
      make_inputs(c, DType::f32, {.fill = Fill::wide, .seed = seed, .exponent = 4});
  const std::vector<Tensor> want = run(kernel, inputs);
  const std::vector<Tensor> got = run_parts(registry, reference, op, whole.fields, inputs);
  for (std::size_t o = 0; o < want.size(); ++o) {
    for (std::int64_t i = 0; is_real(want[o].dtype()) && i < want[o].count(); ++i) {
      const double a = element(got[o].view(), i), b = element(want[o].view(), i);
      if (!std::isfinite(b) || std::isfinite(a)) continue;
      return fmt::format("output '{}' {} at {}: the parts make {}, the op {}", op.outputs[o],
                         want[o].spec().to_string(), want[o].spec().shape.index_text(i), a, b);
    }
  }
  return {};
}

}  // namespace

Outcome check_expansion(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                        std::uint64_t seed) {
  const std::vector<Tensor> inputs = make_inputs(c, DType::f64, {.seed = seed});
  const OpSite whole = make_op_site(registry.ops, op, c, DType::f64);
  const Bounded bounded = run_on_bounds(reference, whole.site(), inputs, {});
  if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);

  const std::vector<Tensor> wide =
      run_parts(registry, reference, op, whole.fields, convert_all(inputs, DType::quad));
  const std::vector<Tensor> got = convert_all(wide, DType::f64);
  const Comparison comparison = compare(got, bounded, op.outputs);
  if (comparison.failed == 0) {
    const std::string overflow = what_overflows(registry, reference, op, c, seed);
    if (!overflow.empty()) return Outcome::failed("its parts are finite in f32 where the op is", overflow);
  }
  Outcome outcome{Status::passed, "its parts in quad, rounded once, within the bound on the op in f64",
                  comparison.detail, comparison.ratio, comparison.judged};
  if (comparison.failed > 0) outcome.status = Status::failed;
  return outcome;
}

}  // namespace assay::verify
