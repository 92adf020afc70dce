#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

Outcome check_lockstep(const KernelCase& subject, const Draw& draw) {
  const Accuracy& accuracy = subject.kernel.plan.accuracy;
  const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, draw);
  const Bounded bounded = run_on_bounds(*subject.reference, subject.kernel.site, inputs, accuracy);
  if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);
  const Comparison result = compare(run(subject.kernel, inputs), bounded, subject.op->outputs);
  if (result.judged == 0 && subject.kernel.site.output().count() > 0)
    return Outcome::skipped("L: no element has a finite bound on these data");
  return {result.failed > 0 ? Status::failed : Status::passed, basis_of(bounded, accuracy), result.detail,
          result.ratio, result.judged};
}

}  // namespace assay::verify
