#include "assay/core/float_mode.h"

#include <cfenv>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

namespace assay {
namespace {

#if defined(__x86_64__) || defined(__i386__)
constexpr std::uint64_t kFlags = 0x3f;  // exceptions that happened since they were cleared: no mode
constexpr std::uint64_t kFlush = 0x8000 | 0x0040;  // results to zero, operands as zero
std::uint64_t control() noexcept { return _mm_getcsr() & ~kFlags; }
void set_control(std::uint64_t word) noexcept {
  _mm_setcsr(static_cast<unsigned>(word | (_mm_getcsr() & kFlags)));
}
#elif defined(__aarch64__)
constexpr std::uint64_t kFlush = std::uint64_t{1} << 24;
std::uint64_t control() noexcept {
  std::uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
void set_control(std::uint64_t word) noexcept { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
constexpr std::uint64_t kFlush = 0;
std::uint64_t control() noexcept { return 0; }
void set_control(std::uint64_t) noexcept {}
#endif

const char* name_of_rounding(int rounding) {
  switch (rounding) {
    case FE_TONEAREST:
      return "to nearest";
    case FE_UPWARD:
      return "upward";
    case FE_DOWNWARD:
      return "downward";
    default:
      return "toward zero";
  }
}

}  // namespace

FloatMode float_mode() noexcept { return {control(), std::fegetround()}; }

void set_float_mode(const FloatMode& mode) noexcept {
  std::fesetround(mode.rounding);
  set_control(mode.control);
}

std::string difference(const FloatMode& before, const FloatMode& now) {
  if (before.rounding != now.rounding) return std::string("rounding is ") + name_of_rounding(now.rounding);
  if (const std::uint64_t changed = (before.control ^ now.control) & kFlush; changed != 0)
    return (now.control & kFlush) != 0 ? "denormals are flushed to zero" : "denormals are no longer flushed";
  return before == now ? "" : "the control word of floating-point arithmetic is another";
}

}  // namespace assay
