// How the processor rounds and whether it flushes denormals: part of every result, and changed for the whole
// thread by a library that was linked with -ffast-math.
#pragma once

#include <cstdint>
#include <string>

namespace assay {

struct FloatMode {
  std::uint64_t control = 0;  ///< the processor's control word, without its flags of what happened
  int rounding = 0;           ///< as fegetround() says it
  friend bool operator==(const FloatMode&, const FloatMode&) = default;
};

/// Of this thread.
FloatMode float_mode() noexcept;
void set_float_mode(const FloatMode& mode) noexcept;

/// "denormals are flushed to zero", "rounding is upward": how `now` differs from `before`.
std::string difference(const FloatMode& before, const FloatMode& now);

/// Puts back the mode that it found.
class FloatModeGuard {
 public:
  FloatModeGuard() : before_(float_mode()) {}
  ~FloatModeGuard() { set_float_mode(before_); }
  FloatModeGuard(const FloatModeGuard&) = delete;
  FloatModeGuard& operator=(const FloatModeGuard&) = delete;
  const FloatMode& before() const { return before_; }

 private:
  FloatMode before_;
};

}  // namespace assay
