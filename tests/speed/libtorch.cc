// libtorch is loaded by the process that runs it alone: others neither wait for it nor share its threads.
#include <dlfcn.h>

#include <cstdlib>

#include "assay/core/error.h"
#include "speed/by_hand.h"

namespace assay::speed {

#ifdef SPEED_TORCH_NETWORK
std::optional<Variant> libtorch(const Problem& problem, const StateStore& states) {
  return Variant{"libtorch", [&] {
                   // OpenBLAS of before 0.3.22 takes newer processors for old ones.
                   if (__builtin_cpu_supports("avx512f")) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
                   void* library = dlopen(SPEED_TORCH_NETWORK, RTLD_NOW | RTLD_LOCAL);
                   void* make = library != nullptr ? dlsym(library, "make_torch_network") : nullptr;
                   if (make == nullptr) throw Error(dlerror());
                   using Make = HandWritten*(const Problem&, const StateStore&);
                   return std::unique_ptr<HandWritten>(reinterpret_cast<Make*>(make)(problem, states));
                 }};
}
#else
std::optional<Variant> libtorch(const Problem&, const StateStore&) { return std::nullopt; }
#endif

}  // namespace assay::speed
