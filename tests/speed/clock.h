// Seconds by one of the system's clocks: CLOCK_MONOTONIC, or CLOCK_PROCESS_CPUTIME_ID, which counts those of
// all threads together and not what other programs take of the processor.
#pragma once

#include <ctime>

namespace assay::speed {

inline double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace assay::speed
