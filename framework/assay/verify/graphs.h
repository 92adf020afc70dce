// Verification of random models: each built in memory from the text of an experiment file and verified like
// any experiment; one that fails is shrunk while it fails by the same oracle, and written as a file that
// shows the defect alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/check.h"

namespace assay::verify {

struct GraphsOptions {
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  std::vector<std::string> backends{};  ///< empty: all that are registered
  std::vector<DType> dtypes{DType::f32, DType::f64};
  std::string select{};  ///< among the checks of each model
  /// Only models with a layer, a loss or an optimizer of one of these types; empty: all. As many models are
  /// tried as are found among 200 times the count.
  std::vector<std::string> containing{};
  bool stop_at_first_failure = false;
  std::filesystem::path folder = ".";  ///< where the files of failing models go
  int shrink_attempts = 400;           ///< models tried at most on the way to the smallest
  std::function<void(std::int64_t done)> progress{};
};

/// One check per model, of the oracle "program" (its own oracles are in its detail). The same models and
/// verdicts for the same seed, whatever the count. Throws Error for an unknown backend and a file that cannot
/// be written.
Report verify_graphs(const Registry& registry, const GraphsOptions& options = {});

}  // namespace assay::verify
