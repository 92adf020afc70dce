// Elementwise ops: one scalar function each, over operands that broadcast.
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace assay {
namespace {

using reference::broadcast_strides;
using reference::Strides;
using reference::walk;

// The loops take the op's function by pointer, so that each is compiled once per scalar and not once per op and scalar.
template <class T, class Result>
using Unary = Result (*)(const T&);
template <class T, class Result>
using Binary = Result (*)(const T&, const T&);

template <class T>
auto unary_loop(const Site& site, Unary<T, T> f) {
  return [f, n = site.input(0).count()](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
  };
}

// Result: the type of the output's elements, T itself or std::uint8_t for a mask.
template <class T, class Result>
auto binary_loop(const Site& site, Binary<T, Result> f) {
  const Shape shape = site.output().shape;
  const std::array<Strides, 2> strides{broadcast_strides(site.input(0).shape, shape),
                                       broadcast_strides(site.input(1).shape, shape)};
  return [=](const Io& io) {
    const T* a = io.in<T>(0);
    const T* b = io.in<T>(1);
    Result* c = io.out<Result>(0);
    walk(shape, strides, [&](std::int64_t i, const auto& at) { c[i] = f(a[at[0]], b[at[1]]); });
  };
}

template <Scalars scalars, class F>
void add_unary(KernelTable& kernels, std::string_view owner, std::string_view op, F) {
  kernels.add(op, for_every_scalar<scalars>([]<class T>(const Site& site) {
                return unary_loop<T>(site, [](const T& x) { return F()(x); });
              }),
              owner);
}

template <Scalars scalars, class F>
void add_binary(KernelTable& kernels, std::string_view owner, std::string_view op, F) {
  kernels.add(op, for_every_scalar<scalars>([]<class T>(const Site& site) {
                return binary_loop<T, T>(site, [](const T& a, const T& b) { return F()(a, b); });
              }),
              owner);
}

template <class F>
void add_comparison(KernelTable& kernels, std::string_view owner, std::string_view op, F) {
  kernels.add(op, for_every_scalar<Scalars::all>([]<class T>(const Site& site) {
                return binary_loop<T, std::uint8_t>(
                    site, [](const T& a, const T& b) { return static_cast<std::uint8_t>(F()(a, b)); });
              }),
              owner);
}

template <class T>
auto where_loop(const Site& site) {
  const Shape shape = site.output().shape;
  const std::array<Strides, 3> strides{broadcast_strides(site.input(0).shape, shape),
                                       broadcast_strides(site.input(1).shape, shape),
                                       broadcast_strides(site.input(2).shape, shape)};
  return [=](const Io& io) {
    const auto* mask = io.in<std::uint8_t>(0);
    const T* a = io.in<T>(1);
    const T* b = io.in<T>(2);
    T* c = io.out<T>(0);
    walk(shape, strides,
         [&](std::int64_t i, const auto& at) { c[i] = mask[at[0]] != 0 ? a[at[1]] : b[at[2]]; });
  };
}

}  // namespace

void add_elementwise_kernels(KernelTable& kernels, std::string_view owner) {
  constexpr Scalars all = Scalars::all, continuous = Scalars::continuous;
  add_binary<all>(kernels, owner, "add", [](const auto& a, const auto& b) { return a + b; });
  add_binary<all>(kernels, owner, "sub", [](const auto& a, const auto& b) { return a - b; });
  add_binary<all>(kernels, owner, "mul", [](const auto& a, const auto& b) { return a * b; });
  add_binary<all>(kernels, owner, "div", [](const auto& a, const auto& b) { return a / b; });
  add_binary<continuous>(kernels, owner, "pow", [](const auto& a, const auto& b) { return pow(a, b); });
  add_binary<all>(kernels, owner, "maximum", [](const auto& a, const auto& b) { return maximum(a, b); });
  add_binary<all>(kernels, owner, "minimum", [](const auto& a, const auto& b) { return minimum(a, b); });
  add_comparison(kernels, owner, "greater", [](const auto& a, const auto& b) { return a > b; });
  add_comparison(kernels, owner, "equal", [](const auto& a, const auto& b) { return a == b; });
  kernels.add("where", for_every_scalar<all>([]<class T>(const Site& site) { return where_loop<T>(site); }),
              owner);

  add_unary<all>(kernels, owner, "neg", [](const auto& x) { return -x; });
  add_unary<continuous>(kernels, owner, "exp", [](const auto& x) { return exp(x); });
  add_unary<continuous>(kernels, owner, "log", [](const auto& x) { return log(x); });
  add_unary<continuous>(kernels, owner, "sqrt", [](const auto& x) { return sqrt(x); });
  add_unary<all>(kernels, owner, "abs", [](const auto& x) { return abs(x); });
  add_unary<all>(kernels, owner, "sign", []<class T>(const T& x) {
    if (x > T(0)) return T(1);
    return x < T(0) ? T(-1) : (x == T(0) ? T(0) : x);
  });
}

}  // namespace assay
