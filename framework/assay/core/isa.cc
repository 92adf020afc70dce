#include "assay/core/isa.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "assay/core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace assay {
namespace {

struct IsaName {
  Isa isa;
  std::string_view name;
};
constexpr IsaName kNames[] = {{Isa::baseline, "baseline"}, {Isa::avx2, "avx2"}, {Isa::avx512, "avx512"}};
constexpr Isa kIsas[] = {Isa::baseline, Isa::avx2, Isa::avx512};

#if defined(__x86_64__)
// clang 14 does not know F16C as a name for __builtin_cpu_supports; CPUID leaf 1 has it in bit 29 of ecx.
bool has_f16c() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1u << 29)) != 0;
}

// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512cd");
}
#else
bool has_avx2() noexcept { return false; }
bool has_avx512() noexcept { return false; }
#endif

std::vector<std::string> supported_names() {
  std::vector<std::string> names;
  for (const IsaName& entry : kNames) {
    if (is_supported(entry.isa)) names.emplace_back(entry.name);
  }
  return names;
}

}  // namespace

std::string_view name_of(Isa isa) noexcept { return kNames[static_cast<std::size_t>(isa)].name; }

std::span<const Isa> all_isas() noexcept { return kIsas; }

bool is_supported(Isa isa) noexcept {
  switch (isa) {
    case Isa::baseline:
      return true;
    case Isa::avx2:
      return has_avx2();
    case Isa::avx512:
      return has_avx2() && has_avx512();
  }
  return false;
}

Isa selected_isa() {
  const char* forced = std::getenv("ASSAY_ISA");
  if (forced == nullptr) {
    return *std::find_if(std::rbegin(kIsas), std::rend(kIsas), [](Isa isa) { return is_supported(isa); });
  }
  const std::vector<std::string> names = supported_names();
  for (const IsaName& entry : kNames) {
    if (entry.name != forced) continue;
    if (is_supported(entry.isa)) return entry.isa;
    throw Error("ASSAY_ISA asks for the instruction set '" + std::string(forced) +
                "', which this processor lacks")
        .help("unset ASSAY_ISA, or choose one of: " + join(names));
  }
  throw Error("ASSAY_ISA names the unknown instruction set '" + std::string(forced) + "'")
      .help(suggestion("instruction set", forced, names));
}

}  // namespace assay
