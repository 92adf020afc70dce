#include "assay/core/tensor.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/core/quad.h"
#include "assay/core/scalar.h"

namespace assay {
namespace {

// Calls f with a null pointer of the C++ type of `dtype`.
template <class F>
auto visit_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f32:
      return f(static_cast<float*>(nullptr));
    case DType::f64:
      return f(static_cast<double*>(nullptr));
    case DType::i32:
      return f(static_cast<std::int32_t*>(nullptr));
    case DType::u8:
      return f(static_cast<std::uint8_t*>(nullptr));
    case DType::quad:
      return f(static_cast<Quad*>(nullptr));
    case DType::dual64:
      return f(static_cast<Dual<double>*>(nullptr));
    case DType::dual_quad:
      return f(static_cast<Dual<Quad>*>(nullptr));
    case DType::bound32:
      return f(static_cast<Bound32*>(nullptr));
    case DType::bound64:
      return f(static_cast<Bound64*>(nullptr));
    case DType::lattice:
      return f(static_cast<Lattice*>(nullptr));
  }
  std::abort();  // the enumeration is closed
}

// Conversion goes through Quad only where a side is wider than double.
template <class From, class To>
To cast(const From& x) {
  if constexpr (std::is_same_v<From, To>) {
    return x;
  } else if constexpr (std::is_same_v<From, Dual<double>> || std::is_same_v<From, Dual<Quad>>) {
    return cast<decltype(x.value), To>(x.value);
  } else if constexpr (std::is_same_v<From, Bound32> || std::is_same_v<From, Bound64>) {
    return cast<decltype(x.value), To>(x.value);
  } else if constexpr (std::is_same_v<To, Bound32>) {
    return Bound32::exact(cast<From, double>(x));
  } else if constexpr (std::is_same_v<To, Bound64>) {
    return Bound64::exact(cast<From, Quad>(x));
  } else if constexpr (std::is_same_v<To, Dual<double>>) {
    return To(cast<From, double>(x));
  } else if constexpr (std::is_same_v<To, Dual<Quad>>) {
    return To(cast<From, Quad>(x));
  } else if constexpr (std::is_same_v<From, Quad>) {
    if constexpr (std::is_same_v<To, Lattice>) {
      return Lattice(static_cast<double>(x));
    } else {
      return static_cast<To>(x);
    }
  } else if constexpr (std::is_same_v<From, Lattice>) {
    return static_cast<To>(static_cast<double>(x));
  } else if constexpr (std::is_same_v<To, Lattice>) {
    return Lattice(static_cast<std::int64_t>(x));
  } else {
    return static_cast<To>(x);
  }
}

// Kernels stream through a large block in several places at once, and a small page of each is soon forgotten.
constexpr std::size_t kHugePage = std::size_t{1} << 21, kLargeBlock = 2 * kHugePage;

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  const bool large = bytes >= kLargeBlock;
  const std::size_t alignment = large ? kHugePage : kAlignment;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = nullptr;
  if (rounded < bytes || posix_memalign(&memory, alignment, rounded) != 0)
    throw Error("out of memory: " + std::to_string(bytes) + " bytes could not be allocated");
#ifdef MADV_HUGEPAGE
  // Before the first touch. A wish: where the system has none to give, nothing is lost.
  if (large) (void)madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  std::memset(memory, 0, rounded);
  return memory;
}

void release_aligned(void* memory) noexcept { std::free(memory); }

Tensor::Tensor(Spec spec) : spec_(spec), data_(allocate_aligned(spec.bytes())) {
  // Zero bytes are the number zero for every scalar but those that hold a Quad, whose zero has a flag of its
  // own.
  visit_type(spec.dtype, [&]<class T>(T*) {
    if constexpr (!std::is_trivially_default_constructible_v<T>) {
      for (T& x : as<T>()) new (&x) T();
    }
  });
}
Tensor::Tensor(Tensor&& other) noexcept
    : spec_(std::exchange(other.spec_, {})), data_(std::exchange(other.data_, nullptr)) {}
Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(spec_, other.spec_);
  std::swap(data_, other.data_);
  return *this;
}
Tensor::~Tensor() { release_aligned(data_); }

Tensor Tensor::clone() const {
  return copy_of(view());
}

Tensor Tensor::copy_of(const TensorView& view) {
  Tensor copy(view.spec);
  if (view.data != nullptr) std::memcpy(copy.data_, view.data, view.spec.bytes());
  return copy;
}

Tensor Tensor::reshaped(const Shape& shape) && {
  if (shape.count() != count()) {
    throw Error("a tensor " + spec_.to_string() + " cannot take the shape " + shape.to_string());
  }
  Tensor moved(std::move(*this));
  moved.spec_.shape = shape;
  return moved;
}

Tensor Tensor::of(DType dtype, Shape shape, std::span<const double> values) {
  Tensor tensor(Spec{dtype, shape});
  if (static_cast<std::int64_t>(values.size()) != shape.count()) {
    throw Error(std::to_string(values.size()) + " values for a tensor of shape " + shape.to_string());
  }
  convert({const_cast<double*>(values.data()), Spec{DType::f64, shape}}, tensor.view());
  return tensor;
}

void convert(const TensorView& from, const TensorView& to) {
  if (from.spec.shape != to.spec.shape) {
    throw Error("conversion between shapes " + from.spec.to_string() + " and " + to.spec.to_string());
  }
  visit_type(from.spec.dtype, [&]<class From>(From*) {
    visit_type(to.spec.dtype, [&]<class To>(To*) {
      const auto source = from.as<From>();
      const auto target = to.as<To>();
      for (std::size_t i = 0; i < source.size(); ++i) target[i] = cast<From, To>(source[i]);
    });
  });
}

double element(const TensorView& tensor, std::int64_t index) {
  return visit_type(tensor.spec.dtype,
                    [&]<class T>(T*) { return cast<T, double>(static_cast<const T*>(tensor.data)[index]); });
}

std::vector<double> to_doubles(const TensorView& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.spec.count()));
  convert(tensor, {values.data(), Spec{DType::f64, tensor.spec.shape}});
  return values;
}

}  // namespace assay
