#include <fmt/format.h>

#include <string>

#include "assay/core/quad.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/rule_oracles.h"

namespace assay::verify {

Outcome check_expansion(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                        std::uint64_t seed) {
  const std::vector<Tensor> inputs = make_inputs(c, DType::f64, {.seed = seed});
  const OpSite whole = make_op_site(registry.ops, op, c, DType::f64);
  const Bounded bounded = run_on_bounds(reference, whole.site(), inputs, {});
  if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);

  Graph parts(registry.ops);
  Bindings bindings;
  std::vector<Value> operands;
  const std::vector<Tensor> wide = convert_all(inputs, DType::quad);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    operands.push_back(parts.input(std::to_string(i), wide[i].spec()));
    bindings.emplace(std::to_string(i), wide[i].clone());
  }
  const std::vector<Value> results = op.expand(operands, whole.fields);
  const Values values = evaluate(parts, reference, bindings);
  std::vector<Tensor> got;
  for (const Value result : results) {
    const Tensor& value = values.at(result.id());
    got.emplace_back(Spec{is_real(value.dtype()) ? DType::f64 : value.dtype(), value.shape()});
    convert(value.view(), got.back().view());
  }
  const Comparison comparison = compare(got, bounded, op.outputs);
  Outcome outcome{Status::passed, "its parts in quad, rounded once, within the bound on the op in f64",
                  comparison.detail, comparison.ratio, comparison.judged};
  if (comparison.failed > 0) outcome.status = Status::failed;
  return outcome;
}

}  // namespace assay::verify
