// The one door to Eigen. Every kernel file is built once per instruction set
// (framework/cmake/assay_isa.cmake), and Eigen is all inline templates: under their own names the linker
// would keep one copy of each, perhaps the AVX-512 one for code that an older processor runs. Renaming the
// namespace per instruction set makes them different functions. For the same reason tensors cross into these
// files as raw pointers only: EIGEN_MAX_ALIGN_BYTES differs between them.
#pragma once

#ifdef EIGEN_CORE_H
#error "include Eigen through backends/eigen/isa/eigen_isa.h only"
#endif

#define ASSAY_EIGEN_JOIN(a, b) a##b
#define ASSAY_EIGEN_NAME(isa) ASSAY_EIGEN_JOIN(Eigen_, isa)
#define Eigen ASSAY_EIGEN_NAME(ASSAY_ISA)

#define EIGEN_DONT_PARALLELIZE  // the result must not depend on a thread count
#define EIGEN_FAST_MATH 0       // sqrt rounds correctly and keeps subnormal numbers
#define EIGEN_NO_IO

#if defined(__GNUC__) && !defined(__clang__)
// GCC's AVX-512 intrinsics start from a deliberately undefined register and warn about it (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <Eigen/Core>
