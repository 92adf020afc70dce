// The choice among the loops that were built per instruction set.
#include "backends/onednn/isa/loops.h"

#include "assay/core/isa.h"

namespace assay::onednn {

Loops loops() {
  switch (selected_isa()) {
#if defined(__x86_64__)
    case Isa::avx512:
      return avx512::make_loops();
    case Isa::avx2:
      return avx2::make_loops();
#endif
    default:
      return baseline::make_loops();
  }
}

}  // namespace assay::onednn
