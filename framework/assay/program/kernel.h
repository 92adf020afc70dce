// Kernel: a function bound to shapes and layouts. It allocates nothing and does not branch on shapes.
#pragma once

#include <memory>
#include <utility>

namespace assay {

/// The buffers of one execution, in the order of the site's inputs and outputs. 64-byte aligned, each as
/// large as the plan's layout says. An input may share its buffer with an output only as the plan's
/// `in_place` allows.
struct Io {
  const void* const* inputs = nullptr;
  void* const* outputs = nullptr;
  void* scratch = nullptr;

  template <class T>
  const T* in(std::size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(std::size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  /// Reads every input, writes every element of every output (never accumulates), and nothing else. Throws
  /// only where the run must end: what the outputs hold is then undefined.
  virtual void run(const Io& io) const = 0;
};

using KernelPtr = std::unique_ptr<const Kernel>;

/// A kernel from a callable `void(const Io&)` that has captured its shapes by value.
template <class F>
KernelPtr make_kernel(F function) {
  class Bound final : public Kernel {
   public:
    explicit Bound(F f) : function_(std::move(f)) {}
    void run(const Io& io) const override { function_(io); }

   private:
    F function_;
  };
  return std::make_unique<Bound>(std::move(function));
}

}  // namespace assay
