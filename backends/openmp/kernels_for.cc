// Tables of kernels by instruction set. A table is built by code of its own instruction set, so only when it
// is asked for.
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

template <class T>
const Kernels<T>& find_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) {
    static const Kernels<T> table = avx512::kernels<T>();
    return table;
  }
  if (isa == Isa::avx2) {
    static const Kernels<T> table = avx2::kernels<T>();
    return table;
  }
#endif
  static_cast<void>(isa);
  static const Kernels<T> table = baseline::kernels<T>();
  return table;
}

}  // namespace

template <>
const Kernels<float>& kernels_for<float>(Isa isa) {
  return find_kernels<float>(isa);
}
template <>
const Kernels<double>& kernels_for<double>(Isa isa) {
  return find_kernels<double>(isa);
}

}  // namespace assay::openmp
