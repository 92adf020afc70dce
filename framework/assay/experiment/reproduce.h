// Reproducing a run: trained again from its own record, and compared bit by bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "assay/experiment/flat_config.h"
#include "assay/experiment/run.h"

namespace assay {

/// Representable numbers of the type between the two, 0 where both are the same bits; the largest value where
/// one of them is NaN or they are not of one sign and kind.
std::uint64_t ulps_between(double a, double b);
std::uint64_t ulps_between(float a, float b);

/// The first row of metrics.jsonl that is not the same.
struct MetricDifference {
  std::int64_t step = 0, epoch = 0;
  std::string name;
  std::optional<double> recorded, repeated;  ///< nothing where that run has no such row
};

/// A tensor of weights.safetensors that is not the same.
struct TensorDifference {
  std::string tensor;
  std::vector<std::int64_t> index;  ///< of the first element that differs; empty where the shape does
  double recorded = 0, repeated = 0;
  std::int64_t differing = 0, elements = 0;
  std::uint64_t most_ulps = 0;
};

struct SeedReproduction {
  std::uint64_t seed = 0;
  std::size_t rows = 0, tensors = 0;  ///< compared
  std::optional<MetricDifference> metric;
  std::vector<TensorDifference> tensor_differences;  ///< in the order of the file
};

struct Reproduction {
  std::vector<SeedReproduction> seeds;
  std::vector<Difference> environment;  ///< what the two runs stood on, where it differs
  bool identical() const;
};

/// Trains the run in `run` again, into `scratch`, and compares. Throws Error where the run has not ended, or
/// its record does not hold or cannot be read.
Reproduction reproduce(const std::filesystem::path& run, const std::filesystem::path& scratch,
                       Registry& registry, RunObserver& observer, const std::atomic<bool>& stop);

}  // namespace assay
