#include "assay/program/memory.h"

#include <algorithm>
#include <numeric>

#include "assay/core/tensor.h"

namespace assay {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
}

bool overlap(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

std::size_t most_alive(std::span<const Lifetime> lifetimes) {
  int end = 0, begin = 0;
  for (const Lifetime& life : lifetimes) {
    begin = std::min(begin, life.first);
    end = std::max(end, life.last);
  }
  std::vector<std::ptrdiff_t> change(static_cast<std::size_t>(end - begin) + 2, 0);
  for (const Lifetime& life : lifetimes) {
    change[static_cast<std::size_t>(life.first - begin)] += static_cast<std::ptrdiff_t>(aligned(life.bytes));
    change[static_cast<std::size_t>(life.last - begin) + 1] -=
        static_cast<std::ptrdiff_t>(aligned(life.bytes));
  }
  std::ptrdiff_t alive = 0, most = 0;
  for (std::ptrdiff_t c : change) most = std::max(most, alive += c);
  return static_cast<std::size_t>(most);
}

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes, bool reuse) {
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  plan.liveness_bytes = most_alive(lifetimes);

  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return lifetimes[i].bytes; });

  std::vector<std::size_t> by_offset;  // placed buffers, ascending
  for (std::size_t i : order) {
    const std::size_t size = aligned(lifetimes[i].bytes);
    std::size_t offset = 0;
    for (std::size_t other : by_offset) {
      if (reuse && !overlap(lifetimes[i], lifetimes[other])) continue;
      if (plan.offsets[other] >= offset + size) break;
      offset = std::max(offset, plan.offsets[other] + aligned(lifetimes[other].bytes));
    }
    plan.offsets[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + size);
    by_offset.insert(
        std::ranges::upper_bound(by_offset, offset, {}, [&](std::size_t p) { return plan.offsets[p]; }), i);
  }
  return plan;
}

Arena::~Arena() { release_aligned(data_); }

void Arena::reserve(std::size_t bytes) {
  if (bytes <= bytes_) return;
  void* larger = allocate_aligned(bytes);
  release_aligned(data_);
  data_ = larger;
  bytes_ = bytes;
  ++generation_;
}

}  // namespace assay
