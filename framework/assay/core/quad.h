// Quad: IEEE binary128 arithmetic (113-bit significand), the oracle for f64. A value type of 16 opaque bytes,
// computed in quad.cc by the compiler's binary128, which standard C++ has no name for, and, as far as
// functions go, by Boost.Multiprecision, which no kernel's file has to compile so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "assay/core/scalar.h"

namespace assay {

class Quad {
 public:
  Quad() : Quad(0.0) {}
  Quad(double value);  // NOLINT: exact
  template <class U>
  requires std::is_integral_v<U> Quad(U value)
      : Quad(from_integer(static_cast<std::int64_t>(value))) {}  // NOLINT: exact
  Quad(float value) : Quad(static_cast<double>(value)) {}        // NOLINT: exact
  /// "0.1", to the nearest Quad. Throws std::runtime_error where it is no number.
  static Quad parse(const std::string& text);

  explicit operator double() const;  ///< rounded to nearest
  explicit operator float() const;   ///< rounded to nearest, once
  template <class U>
  requires std::is_integral_v<U>
  explicit operator U() const { return static_cast<U>(to_integer()); }
  /// Scientific, with that many significant digits.
  std::string to_string(int digits = 34) const;

  Quad operator-() const;
  friend Quad operator+(const Quad& a, const Quad& b);
  friend Quad operator-(const Quad& a, const Quad& b);
  friend Quad operator*(const Quad& a, const Quad& b);
  friend Quad operator/(const Quad& a, const Quad& b);
  Quad& operator+=(const Quad& b) { return *this = *this + b; }
  Quad& operator-=(const Quad& b) { return *this = *this - b; }
  Quad& operator*=(const Quad& b) { return *this = *this * b; }
  Quad& operator/=(const Quad& b) { return *this = *this / b; }

  friend bool operator==(const Quad& a, const Quad& b);
  friend bool operator<(const Quad& a, const Quad& b);
  friend bool operator<=(const Quad& a, const Quad& b);
  friend bool operator>(const Quad& a, const Quad& b) { return b < a; }
  friend bool operator>=(const Quad& a, const Quad& b) { return b <= a; }

 private:
  friend struct QuadAccess;
  static Quad from_integer(std::int64_t value);
  std::int64_t to_integer() const;

  alignas(16) std::byte storage_[16];
};

Quad exp(const Quad& x);
Quad expm1(const Quad& x);
Quad log(const Quad& x);
Quad log1p(const Quad& x);
Quad sqrt(const Quad& x);
Quad tanh(const Quad& x);
Quad erf(const Quad& x);
Quad erfc(const Quad& x);
Quad sin(const Quad& x);
Quad cos(const Quad& x);
Quad pow(const Quad& x, const Quad& y);
Quad abs(const Quad& x);
Quad floor(const Quad& x);
Quad ceil(const Quad& x);
/// x · 2^exponent, exactly unless it over- or underflows.
Quad ldexp(const Quad& x, int exponent);
bool isfinite(const Quad& x);
Quad atan_of_one(const Quad&);

inline Quad value_of(const Quad& x) { return x; }

}  // namespace assay
