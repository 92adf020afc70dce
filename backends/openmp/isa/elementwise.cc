// Elementwise functions: of one operand on contiguous data, of two and three over a nest of loops.
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/math.h"
#include "backends/openmp/isa/nest.h"
#include "backends/openmp/isa/power.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Functions of several instructions per element are worth a thread sooner.
constexpr std::int64_t kMathGrain = kGrain / 8;

struct Copy {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return x;
  }
};
struct Negate {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return -x;
  }
};
struct Absolute {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return magnitude(x);
  }
};
struct Sign {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    using T = Element<V>;
    const V one = V{} + T(1);
    return x > T(0) ? one : (x < T(0) ? -one : (x == T(0) ? V{} : x));
  }
};
struct Exp {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return exp(x);
  }
};
struct Log {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return log(x);
  }
};
struct Sqrt {
  template <class V>
  ASSAY_INLINE V operator()(V x) const {
    return sqrt(x);
  }
};

template <class T, class F, std::int64_t grain>
void unary(const T* x, T* y, std::int64_t count, int threads) {
  parallel_lanes<T>(threads, count, grain,
                    [&](std::int64_t i, auto lanes) { lanes.store(y + i, F{}(lanes.load(x + i))); });
}

struct Add {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return a + b;
  }
};
struct Subtract {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return a - b;
  }
};
struct Multiply {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return a * b;
  }
};
struct Divide {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return a / b;
  }
};
struct Power {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return power(a, b);
  }
};
// NaN in either operand is returned.
struct Maximum {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return ((a > b) | (a != a)) ? a : b;
  }
};
struct Minimum {
  template <class V>
  ASSAY_INLINE V operator()(V a, V b) const {
    return ((a < b) | (a != a)) ? a : b;
  }
};

// Lanes of an operand along the innermost loop.
template <class T>
struct Contiguous {
  const T* from;
  template <class Lanes>
  ASSAY_INLINE Vec<T> at(std::int64_t i, Lanes lanes) const {
    return lanes.load(from + i);
  }
};
template <class T>
struct Repeated {
  Vec<T> value;
  template <class Lanes>
  ASSAY_INLINE Vec<T> at(std::int64_t, Lanes) const {
    return value;
  }
};
template <class T>
struct Strided {
  const T* from;
  std::int64_t stride;
  template <class Lanes>
  ASSAY_INLINE Vec<T> at(std::int64_t i, Lanes lanes) const {
    Vec<T> v{};
    for (int lane = 0; lane < lanes.count; ++lane) v[lane] = from[(i + lane) * stride];
    return v;
  }
};

template <class T, class F, class A, class B>
ASSAY_INLINE void binary_run(const A& a, const B& b, T* c, std::int64_t count) {
  for_lanes<T>(0, count,
               [&](std::int64_t i, auto lanes) { lanes.store(c + i, F{}(a.at(i, lanes), b.at(i, lanes))); });
}

template <class T, class F, std::int64_t grain>
void binary(const Nest& nest, const T* a, const T* b, T* c, int threads) {
  const std::int64_t step_a = nest.stride[0][nest.rank - 1];
  const std::int64_t step_b = nest.stride[1][nest.rank - 1];
  walk_nest<2>(nest, threads, 64 / sizeof(T), grain,
               [&](std::int64_t i, std::int64_t count, const std::int64_t* at) {
                 const T* pa = a + at[0];
                 const T* pb = b + at[1];
                 if (step_a == 1 && step_b == 1) {
                   binary_run<T, F>(Contiguous<T>{pa}, Contiguous<T>{pb}, c + i, count);
                 } else if (step_a == 1 && step_b == 0) {
                   binary_run<T, F>(Contiguous<T>{pa}, Repeated<T>{splat(*pb)}, c + i, count);
                 } else if (step_a == 0 && step_b == 1) {
                   binary_run<T, F>(Repeated<T>{splat(*pa)}, Contiguous<T>{pb}, c + i, count);
                 } else {
                   binary_run<T, F>(Strided<T>{pa, step_a}, Strided<T>{pb, step_b}, c + i, count);
                 }
               });
}

struct Greater {
  template <class T>
  ASSAY_INLINE bool operator()(T a, T b) const {
    return a > b;
  }
};
struct Equal {
  template <class T>
  ASSAY_INLINE bool operator()(T a, T b) const {
    return a == b;
  }
};

// Results are bytes: these loops are left to the compiler's vectoriser.
template <class T, class F>
void compare(const Nest& nest, const T* a, const T* b, std::uint8_t* c, int threads) {
  const std::int64_t step_a = nest.stride[0][nest.rank - 1];
  const std::int64_t step_b = nest.stride[1][nest.rank - 1];
  walk_nest<2>(nest, threads, 64, kGrain, [&](std::int64_t i, std::int64_t count, const std::int64_t* at) {
    const T* pa = a + at[0];
    const T* pb = b + at[1];
    std::uint8_t* pc = c + i;
    if (step_a == 1 && step_b == 1) {
      for (std::int64_t j = 0; j < count; ++j) pc[j] = F{}(pa[j], pb[j]) ? 1 : 0;
    } else if (step_a == 1 && step_b == 0) {
      const T value = *pb;
      for (std::int64_t j = 0; j < count; ++j) pc[j] = F{}(pa[j], value) ? 1 : 0;
    } else {
      for (std::int64_t j = 0; j < count; ++j) pc[j] = F{}(pa[j * step_a], pb[j * step_b]) ? 1 : 0;
    }
  });
}

template <class T>
void where(const Nest& nest, const std::uint8_t* mask, const T* a, const T* b, T* c, int threads) {
  const int inner = nest.rank - 1;
  const std::int64_t step_m = nest.stride[0][inner];
  const std::int64_t step_a = nest.stride[1][inner];
  const std::int64_t step_b = nest.stride[2][inner];
  walk_nest<3>(nest, threads, 64 / sizeof(T), kGrain,
               [&](std::int64_t i, std::int64_t count, const std::int64_t* at) {
                 const std::uint8_t* pm = mask + at[0];
                 const T* pa = a + at[1];
                 const T* pb = b + at[2];
                 T* pc = c + i;
                 if (step_m == 1 && step_a == 1 && step_b == 1) {
                   for (std::int64_t j = 0; j < count; ++j) pc[j] = pm[j] != 0 ? pa[j] : pb[j];
                 } else if (step_m == 1 && step_a == 1 && step_b == 0) {
                   const T value = *pb;
                   for (std::int64_t j = 0; j < count; ++j) pc[j] = pm[j] != 0 ? pa[j] : value;
                 } else {
                   for (std::int64_t j = 0; j < count; ++j) {
                     pc[j] = pm[j * step_m] != 0 ? pa[j * step_a] : pb[j * step_b];
                   }
                 }
               });
}

}  // namespace

template <class T>
void add_elementwise(Kernels<T>& kernels) {
  const auto set = [&](Unary op, UnaryKernel<T> kernel) { kernels.unary[static_cast<int>(op)] = kernel; };
  set(Unary::copy, unary<T, Copy, kGrain>);
  set(Unary::neg, unary<T, Negate, kGrain>);
  set(Unary::abs, unary<T, Absolute, kGrain>);
  set(Unary::sign, unary<T, Sign, kGrain>);
  set(Unary::exp, unary<T, Exp, kMathGrain>);
  set(Unary::log, unary<T, Log, kMathGrain>);
  set(Unary::sqrt, unary<T, Sqrt, kMathGrain>);

  const auto set_binary = [&](Binary op, BinaryKernel<T> kernel) {
    kernels.binary[static_cast<int>(op)] = kernel;
  };
  set_binary(Binary::add, binary<T, Add, kGrain>);
  set_binary(Binary::sub, binary<T, Subtract, kGrain>);
  set_binary(Binary::mul, binary<T, Multiply, kGrain>);
  set_binary(Binary::div, binary<T, Divide, kGrain>);
  set_binary(Binary::pow, binary<T, Power, kMathGrain>);
  set_binary(Binary::maximum, binary<T, Maximum, kGrain>);
  set_binary(Binary::minimum, binary<T, Minimum, kGrain>);

  kernels.compare[static_cast<int>(Compare::greater)] = compare<T, Greater>;
  kernels.compare[static_cast<int>(Compare::equal)] = compare<T, Equal>;
  kernels.where = where<T>;
}

template void add_elementwise<float>(Kernels<float>&);
template void add_elementwise<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
