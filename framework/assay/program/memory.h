// Memory planning: where in one arena each buffer lies, from the steps during which it is alive.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace assay {

/// A buffer that is alive from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< per lifetime, multiples of kAlignment
  std::size_t arena_bytes = 0;
  std::size_t liveness_bytes = 0;  ///< the most that is alive at one step: no plan can need less
};

/// The most bytes that are alive at one step.
std::size_t most_alive(std::span<const Lifetime> lifetimes);

/// Offline best fit: the largest buffers first, each at the lowest offset that is free while it is alive (as
/// in Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference"). Without `reuse`,
/// one place per buffer.
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes, bool reuse = true);

/// One block that programs share: as large as the largest of them. Growing it moves it; `generation` tells.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// Throws Error when memory is out. Contents are lost when it grows.
  void reserve(std::size_t bytes);
  void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  int generation() const noexcept { return generation_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  int generation_ = 0;
};

}  // namespace assay
