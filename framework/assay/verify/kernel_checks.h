// What the checks of an op's kernels on one backend share, and their parts: on the op's geometries
// (kernel_checks.cc), on sizes that threads share (large_kernels.cc), fused with the ops behind it
// (fused_kernels.cc), and on integers (integers.cc).
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/verify/op_checks.h"
#include "assay/verify/statistics.h"

namespace assay::verify {

/// Most elements of the inputs together for S in f32, which runs a kernel many times, and of the cases that
/// are enlarged.
inline constexpr std::int64_t kBiasElements = 3000;
/// What the label of a geometry says of it.
inline constexpr std::string_view kAsConvolutionsLeaveIt = ", as a convolution leaves it";
/// Of kThreadCounts, those that share kTwoShares.
inline constexpr std::size_t kFewThreads = 3;

class KernelChecks {
 public:
  /// With `fields` for the backend's own. `rewritten`: only its kernels that rewrite the algebra, where these
  /// fields ask for some; the others are those of the default fields.
  KernelChecks(OpChecks& checks, const std::string& backend, const Fields& fields, bool rewritten);

  KernelCase bind(const Case& c, DType dtype, const Site& site, std::string& refusal) const {
    return op_checks.bind(*backend, c, dtype, site, refusal);
  }
  /// "linear+relu": the op and what is fused behind it.
  std::string with(const std::vector<std::string>& chain) const;
  /// Whether the kernel is to be judged, and named after its algebra: whether it rewrites it, of `rewritten`.
  bool takes(const KernelCase& kernel, Subject& subject) const;

  /// layouts.h; nothing where the backend lays them otherwise on other numbers of threads, which know the
  /// layouts then, too.
  std::optional<Site> as_convolutions_leave_it(const Site& canonical) const;

  /// E, P and L on operands as they lie in a program, where the backend keeps them so: other code runs there.
  void on_layouts(const Case& c, const Site& canonical, const Subject& subject, std::uint64_t seed);

  /// R: again and again, and on every number of threads.
  Outcome repeat(const KernelCase& kernel, std::uint64_t seed) const;
  /// P on a few threads.
  Outcome poison_on_threads(const KernelCase& kernel, std::uint64_t seed) const;
  bool uses_threads() const { return !threaded_.empty(); }
  /// R: the same kernel on the first `most` numbers of kThreadCounts, as far as the backend promises.
  Outcome on_threads(const KernelCase& kernel, std::uint64_t seed,
                     std::size_t most = std::size(kThreadCounts)) const;
  bool same_bits_on_any_threads() const;

  OpChecks& op_checks;
  const std::string name;
  const std::unique_ptr<Backend> backend;
  const bool rewritten;

 private:
  void on_layout(const Case& c, const Site& site, std::string_view how, Subject subject, std::uint64_t seed);

  std::vector<std::unique_ptr<Backend>> threaded_;
};

void check_large_kernels(KernelChecks& checks);
void check_fused_kernels(KernelChecks& checks);
void check_integers(KernelChecks& checks);

/// E, P and R on a case that threads share, and in f32 L; false where the backend refuses the case. `ops`
/// names the site.
bool check_shared_work(KernelChecks& checks, const Case& c, const Site& site, DType dtype,
                       const std::string& ops);

// L on the kinds of data on which kernels part, in lockstep_data.cc.

/// Ordinary numbers, zeros, NaNs and ends of the format; from the standard tier on also whole numbers,
/// constants, wide ranges and scaled data.
Outcome lockstep_on_all_data(const KernelCase& kernel, const Effort& effort, std::uint64_t seed);
/// In a layout of the backend's own: ordinary numbers, zeros, indices as a pooling leaves them, NaNs and
/// ends.
Outcome lockstep_in_layout(const KernelCase& kernel, std::uint64_t seed);
/// Where threads share the work: ordinary numbers; and constants, of which nothing but a mean is left, unless
/// the op is a polynomial, an activation or a gradient.
Outcome lockstep_on_shared_work(const KernelCase& kernel, std::uint64_t seed);

}  // namespace assay::verify
