// FaultyBackend: a backend that passes every question on to a real one and damages the answer for one op. It
// keeps the real one's name, so that nothing tells it apart but what it computes.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "assay/core/bound.h"
#include "assay/core/quad.h"
#include "assay/core/scalar.h"
#include "assay/registry/registry.h"

namespace assay::faults {

/// A buffer of a kernel: its values lie as the plan's layout says.
struct Buffer {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::size_t bytes = 0;

  std::size_t element() const { return size_of(dtype); }
  std::size_t count() const { return bytes / element(); }
  unsigned char* at(std::size_t i) const { return static_cast<unsigned char*>(data) + i * element(); }
};

/// One execution of a damaged kernel.
struct Execution {
  const Kernel& real;
  const Io& io;
  const Site& site;  ///< as the backend was asked
  int threads;
  std::size_t scratch_bytes;  ///< of the real kernel
  std::vector<Buffer> inputs;
  std::vector<Buffer> outputs;
  /// What the damaged kernel remembers from run to run.
  struct Memory {
    int runs = 0;
    std::vector<std::vector<unsigned char>> kept;
  } & memory;

  void run_real() const { real.run(io); }
};

using Damage = std::function<void(Execution&)>;
/// The site that the real backend is asked instead; returns false where it is to be asked the true one.
using Misreading = std::function<bool(Site& site, std::vector<Fields>& fields)>;

struct KernelFault {
  Damage damage{};                                 ///< empty: the real kernel runs
  Misreading misread{};                            ///< empty: the real question is passed on
  std::function<void(Plan&, const Site&)> plan{};  ///< changes what the plan declares
};

/// Puts a FaultyBackend in the place of the backend of that name.
void damage_backend(Registry& registry, const std::string& backend, const std::string& op,
                    const KernelFault& fault);

/// Calls f with a pointer to the first value, typed by dtype.
template <class F>
void typed(const Buffer& buffer, F f) {
  switch (buffer.dtype) {
    case DType::f32:
      return f(static_cast<float*>(buffer.data));
    case DType::f64:
      return f(static_cast<double*>(buffer.data));
    case DType::i32:
      return f(static_cast<std::int32_t*>(buffer.data));
    case DType::u8:
      return f(static_cast<std::uint8_t*>(buffer.data));
    case DType::quad:
      return f(static_cast<Quad*>(buffer.data));
    case DType::dual64:
      return f(static_cast<Dual<double>*>(buffer.data));
    case DType::dual_quad:
      return f(static_cast<Dual<Quad>*>(buffer.data));
    case DType::bound32:
      return f(static_cast<Bound32*>(buffer.data));
    case DType::bound64:
      return f(static_cast<Bound64*>(buffer.data));
    case DType::lattice:
      return f(static_cast<Lattice*>(buffer.data));
  }
}

std::vector<unsigned char> bytes_of(const Buffer& buffer);

}  // namespace assay::faults
