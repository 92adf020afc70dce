// Conformance: every registered op, plugins' included, on every backend over its geometry cases, by every
// oracle that applies — `assay verify --ops`, and the same in three lines of a test:
//
//   assay::Registry registry;
//   assay::register_builtin(registry);
//   const assay::verify::Report report = assay::verify::verify_ops(registry, {.ops = {"swish"}});
//   EXPECT_TRUE(report) << report;
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/check.h"
#include "assay/verify/guarded_run.h"

namespace assay::verify {

/// How much is tried: a few geometries of each op in seconds, all of them on several kinds of data in
/// minutes, all of them many times.
enum class Tier : std::uint8_t { smoke, standard, full };
/// Throws Error for an unknown name.
Tier parse_tier(std::string_view name);
std::string_view name_of(Tier tier) noexcept;

struct OpsOptions {
  std::string select{};                 ///< an expression as Selector takes it
  std::vector<std::string> ops{};       ///< empty: all that are registered
  std::vector<std::string> backends{};  ///< likewise
  std::vector<Oracle> oracles{};        ///< empty: all that apply
  std::vector<DType> dtypes{DType::f32, DType::f64};
  Tier tier = Tier::standard;
  std::uint64_t seed = 1;
  bool stop_at_first_failure = false;
  int jobs = 0;                                ///< ops judged at a time; 0: one per processor
  std::string command = "assay verify --ops";  ///< what reproduces a check begins with
  Execute execute{};                           ///< around every watched run of a kernel
  /// Told of every op that is done; from one thread at a time.
  std::function<void(const std::string& op, std::size_t done, std::size_t ops)> progress{};
};

/// The registry outlives the call. Throws Error for an unknown op or backend, or a malformed selection.
Report verify_ops(const Registry& registry, const OpsOptions& options = {});

}  // namespace assay::verify
