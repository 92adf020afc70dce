// Work for several threads, for the files of this folder. They are compiled once per instruction set:
// everything here has internal linkage, so that no code for a newer processor becomes the linker's choice for
// an older one.
#pragma once

#include <omp.h>

#include <cstdint>

namespace assay::onednn {
namespace {

/// Calls body(begin, end) on equal parts of [0, count), one per thread. Every result is computed by itself,
/// so the partition has no part in it.
template <class Body>
inline void in_parallel(int threads, std::int64_t count, const Body& body) {
  if (threads <= 1 || count <= 1) return body(std::int64_t{0}, count);
#pragma omp parallel num_threads(threads)
  {
    const std::int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
    body(count * member / team, count * (member + 1) / team);
  }
}

}  // namespace
}  // namespace assay::onednn
