// E for ops that move numbers of any dtype: gathering, slicing, transposing integers.
#include <cmath>
#include <memory>

#include "assay/core/error.h"
#include "assay/verify/kernel_checks.h"

namespace assay::verify {
namespace {

// The op on numbers of `dtype` in place of real ones; nothing where it takes real ones alone. (Values know
// where their graph lies.)
std::unique_ptr<const OpSite> site_on(const OpTable& ops, const OpDef& op, const Case& c, DType dtype) {
  auto made = std::make_unique<OpSite>(
      OpSite{Graph(ops), {}, {}, complete(op.fields, c.fields, "op '" + op.name + "'")});
  OpSite& site = *made;
  for (const CaseInput& input : c.inputs) {
    if (input.domain != Domain::real && input.domain != Domain::index) return nullptr;
    const DType given = input.domain == Domain::real ? dtype : DType::i32;
    site.inputs.push_back(site.graph.input(std::to_string(site.inputs.size()), {given, input.shape}));
  }
  try {
    site.outputs = site.graph.apply_all(op.name, site.inputs, c.fields);
  } catch (const Error&) {
    return nullptr;
  }
  return made;
}

// E for ops that move integers, too: what a kernel makes of them is what the reference makes of the same
// numbers in f64.
Outcome check_on(const KernelChecks& checks, DType dtype) {
  const OpChecks& op = checks.op_checks;
  const std::string basis = "exact: what the reference makes of the same numbers in f64";
  std::string refusal;
  Outcome all = Outcome::skipped("E: no kernel moves integers");
  for (const Case* c : with_elements(op.op.cases)) {
    const auto site = site_on(op.registry.ops, op.op, *c, dtype);
    if (!site) continue;
    const OpSite real = make_op_site(op.registry.ops, op.op, *c, DType::f64);
    const BoundKernel kernel = bind_kernel(*checks.backend, site->site(), refusal),
                      proven = bind_kernel(*op.reference, real.site(), refusal);
    if (!kernel.kernel || !proven.kernel) continue;
    const Draw draw{.fill = Fill::integers, .seed = op.seed_of(*c, 0), .radius = 100};
    std::vector<Tensor> integers, reals;
    for (Tensor& drawn : make_inputs(*c, DType::f64, draw)) {
      if (dtype == DType::u8 && drawn.dtype() == DType::f64) {  // which has no sign
        for (double& x : drawn.as<double>()) x = std::abs(x);
      }
      integers.emplace_back(site->inputs[integers.size()].spec());
      convert(drawn.view(), integers.back().view());
      reals.emplace_back(drawn.spec());
      convert(integers.back().view(), reals.back().view());
    }
    const Comparison result = compare_exactly(run(kernel, integers), run(proven, reals), op.op.outputs);
    if (result.failed > 0) return Outcome::failed(basis, c->label + ": " + result.detail);
    all.add({Status::passed, basis, {}, 0, result.judged});
  }
  return all;
}

}  // namespace

void check_integers(KernelChecks& checks) {
  OpChecks& op = checks.op_checks;
  for (const DType dtype : {DType::i32, DType::u8}) {
    const std::vector<const Case*> cases = with_elements(op.op.cases);
    if (cases.empty() || !site_on(op.registry.ops, op.op, *cases.front(), dtype)) continue;
    op.check(Oracle::exact, {op.op.name, checks.name, {}, dtype, "integers", {}},
             [&] { return check_on(checks, dtype); });
  }
}

}  // namespace assay::verify
