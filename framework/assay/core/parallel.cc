#include "assay/core/parallel.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace assay::detail {

void in_parallel([[maybe_unused]] int threads, std::int64_t count,
                 void (*part)(const void* body, std::int64_t begin, std::int64_t end), const void* body) {
#if defined(_OPENMP)
  if (threads > 1 && count > 1) {
#pragma omp parallel num_threads(threads)
    {
      const std::int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
      part(body, count * member / team, count * (member + 1) / team);
    }
    return;
  }
#endif
  part(body, 0, count);
}

}  // namespace assay::detail
