// What assay bench prints for people.
#pragma once

#include <span>
#include <string>

#include "assay/bench/bench.h"

namespace assay::cli {

/// Time, rate and memory, a row for each measurement; and where an experiment was measured several times, its
/// time as a share of that of the first, with the interval that covers the median of the rounds' ratios.
std::string bench_tables(std::span<const bench::Measurement> measurements);

/// Where the time of a step goes, op by op, largest share first.
std::string profile_table(const bench::Measurement& measurement);

/// Each measurement against that of the same experiment, batch, dtype, backend and threads in `base`.
std::string comparison_table(std::span<const bench::Measurement> measurements,
                             std::span<const bench::Measurement> base);

}  // namespace assay::cli
