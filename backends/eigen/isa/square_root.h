// √x of a whole array expression. Eigen has vector code for its own sqrt() only where EIGEN_FAST_MATH lets it
// round as it likes (eigen_isa.h); the processor's instruction rounds correctly, and this is that one.
#pragma once

#include <cmath>

#include "backends/eigen/isa/eigen_isa.h"

namespace assay::eigen::ASSAY_ISA {

template <class T>
struct SquareRoot {
  T operator()(T x) const { return std::sqrt(x); }
  template <class Packet>
  Packet packetOp(const Packet& x) const {
    return Eigen::internal::psqrt(x);
  }
};

/// The expression holds `x` as Eigen's own functions do: plain arrays by reference.
template <class X>
auto square_root(const X& x) {
  return x.unaryExpr(SquareRoot<typename X::Scalar>());
}

}  // namespace assay::eigen::ASSAY_ISA

namespace Eigen::internal {
template <class T>
struct functor_traits<assay::eigen::ASSAY_ISA::SquareRoot<T>> {
  enum { Cost = 8 * NumTraits<T>::MulCost, PacketAccess = true };
};
}  // namespace Eigen::internal
