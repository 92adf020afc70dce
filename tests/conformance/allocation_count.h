// Counts the heap allocations of this process, from malloc up, while a counter lives. For tests of "a kernel
// allocates nothing".
#pragma once

namespace assay::conformance {

/// False under sanitizers and away from glibc, where malloc cannot be replaced.
bool can_count_allocations() noexcept;

class AllocationCount {
 public:
  AllocationCount() noexcept;
  ~AllocationCount();
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  long value() const noexcept;
};

}  // namespace assay::conformance
