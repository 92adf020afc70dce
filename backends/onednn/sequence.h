// Sequence: the primitives that compute one site, one after the other, as a Plan. Descriptors are made while
// planning, primitives when the plan is bound, and running only hands pointers over: nothing of ours
// allocates.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/onednn/context.h"

namespace assay::onednn {

/// Sets OpenMP's number of threads while it lives. The library fixes the partition of the work, and the size
/// of its scratchpads, by the number that holds when a descriptor is made, so the same must hold when it
/// runs.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) noexcept;
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int previous_;
  bool changed_;
};

/// A buffer that a primitive reads or writes.
struct Buffer {
  enum class Place : std::uint8_t { input, output, scratch, constant };
  Place place = Place::input;
  std::size_t index = 0;  ///< of the input, output or constant; of scratch: the offset in bytes

  static Buffer input(std::size_t index) { return {Place::input, index}; }
  static Buffer output(std::size_t index) { return {Place::output, index}; }
};

class Sequence {
 public:
  explicit Sequence(const Context& context);

  /// Books scratch for an intermediate value.
  Buffer scratch(const MemoryDesc& desc);
  /// A buffer of numbers that the kernel keeps.
  Buffer constant(std::vector<float> values);

  /// Appends a primitive with its arguments (DNNL_ARG_… and where it lies). Its scratchpad is booked too, and
  /// shared with those of the other primitives.
  void add(const PrimitiveDesc& primitive, const std::vector<std::pair<int, Buffer>>& arguments);

  /// The primitives, created. Throws Error where the library cannot.
  KernelPtr bind() const;

  /// The plan, named "onednn.`name`.(implementation of the last primitive)". Refuses where the library has
  /// only its own reference loop for one of the primitives. Layouts are for the caller to fill in.
  Offer plan(const std::string& name) const;

 private:
  struct Description;
  std::shared_ptr<Description> description_;
};

}  // namespace assay::onednn
