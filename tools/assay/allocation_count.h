// Counts the heap allocations of this process, from malloc up, while a counter lives: for `assay bench`, and
// for tests of "a kernel allocates nothing". What it is linked into has malloc replaced, so it is no part of
// the library.
#pragma once

namespace assay::cli {

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

}  // namespace assay::cli
