// OpChecks: the checks of one op as they are run — how much of it a tier asks for, which geometries, what the
// selection wants — and their report. What is checked stands in kernel_checks.cc and rule_checks.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/check.h"
#include "assay/verify/conformance.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/selector.h"

namespace assay::verify {

/// What a tier asks of each op.
struct Effort {
  std::size_t cases;       ///< geometries at most, spread over the list
  std::size_t bias_cases;  ///< of these, for S in f32
  /// And in f64, where the quad numbers behind each draw take a hundred times as long.
  std::size_t wide_bias_cases;
  std::size_t repeats;  ///< geometries for R
  int seeds;
  int rule_seeds;           ///< of D, F and T
  std::size_t fused_cases;  ///< geometries per fused chain
  bool fills;               ///< L on constants, on wide ranges and on scaled data, too
  bool extremes;            ///< L on data scaled by 2^±20, too
  bool rules_in_full;       ///< F and T beside D
  bool enlarged;            ///< L and R on sizes that threads share
};
Effort effort_of(Tier tier);

class OpChecks {
 public:
  /// Everything given outlives it.
  OpChecks(const Registry& registry, const OpsOptions& options, const Selector& selector, const OpDef& op);

  /// Runs `judge` if the selection wants it, and files its outcome; an exception is a failure.
  void check(Oracle oracle, Subject subject, const std::function<Outcome()>& judge);
  /// Runs `part`, which runs checks; false if it throws. What it throws between them is a failure of
  /// `subject`: a shape rule that refuses the op's own geometry, a derivative rule that cannot be applied.
  bool attempt(Subject subject, const std::function<void()>& part);
  /// Whether a failure ended it.
  bool done() const;
  std::uint64_t seed_of(const Case& c, int round) const;
  /// `c` on the kernel that the backend offers for `site`; without a kernel, and with the reason, where it
  /// refuses.
  KernelCase bind(const Backend& backend, const Case& c, DType dtype, const Site& site,
                  std::string& refusal) const;

  const Registry& registry;
  const OpsOptions& options;
  const OpDef& op;
  const Effort effort;
  const std::vector<const Case*> cases;  ///< the tier's geometries
  const std::unique_ptr<Backend> reference;
  Report report;

 private:
  const Selector& selector_;
};

/// Cases that have numbers to judge.
std::vector<const Case*> with_elements(const std::vector<Case>& cases);
/// The geometries with the most numbers to judge, at most `most`, of those with at most `limit` numbers in
/// their inputs.
std::vector<const Case*> largest(const std::vector<const Case*>& cases, std::size_t most, std::int64_t limit);
/// The geometry with the fewest numbers, but some: more threads than there are elements. Or nullptr.
const Case* smallest(const std::vector<const Case*>& cases);

/// The op's kernels on one backend: E P L S R M V, fused chains that begin with the op, and sizes that
/// threads share.
void check_kernels(OpChecks& checks, const std::string& backend);
/// What defines it, on the reference: its derivative rule and its expansion, D F T and G, and M of its rows.
void check_rules(OpChecks& checks);
/// That every input is judged by something: an input that no output depends on is judged by nothing.
void check_inputs(OpChecks& checks);
/// M on the reference: what it makes of rows among many is what it makes of each alone.
Outcome check_rows(const OpChecks& checks);

}  // namespace assay::verify
