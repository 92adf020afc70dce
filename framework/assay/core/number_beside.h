// Numbers beside scalars in functions of two, as they stand beside them in sums: maximum(z, 0), pow(z, 2.5).
// For generic functions, where z may be any scalar.
#pragma once

#include <concepts>
#include <type_traits>

#include "assay/core/quad.h"
#include "assay/core/scalar.h"

namespace assay {

/// U is the type of a literal, int or double, where T is another type that it converts to.
template <class U, class T>
concept NumberBeside = (std::same_as<U, int> || std::same_as<U, double>)&&!std::same_as<T, U> &&
                       !std::same_as<T, int> && std::constructible_from<T, U>;

template <class T, NumberBeside<T> U>
T maximum(const T& a, U b) {
  return maximum(a, T(b));
}
template <class T, NumberBeside<T> U>
T maximum(U a, const T& b) {
  return maximum(T(a), b);
}
template <class T, NumberBeside<T> U>
T minimum(const T& a, U b) {
  return minimum(a, T(b));
}
template <class T, NumberBeside<T> U>
T minimum(U a, const T& b) {
  return minimum(T(a), b);
}
// Of float and double, std::pow.
template <class T, NumberBeside<T> U>
requires std::is_class_v<T> T pow(const T& x, U y) { return pow(x, T(y)); }
template <class T, NumberBeside<T> U>
requires std::is_class_v<T> T pow(U x, const T& y) { return pow(T(x), y); }

}  // namespace assay
