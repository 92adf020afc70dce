// Work of the framework's own, between the kernels of a step, shared by the threads that these use: the team
// that the OpenMP runtime keeps for the calling thread, which waits for the next kernel meanwhile.
#pragma once

#include <cstdint>

namespace assay {

namespace detail {
void in_parallel(int threads, std::int64_t count,
                 void (*part)(const void* body, std::int64_t begin, std::int64_t end), const void* body);
}

/// Calls body(begin, end) on consecutive parts of [0, count), one per thread, and returns when all are done.
/// On the calling thread alone where `threads` is 1, or the build has no OpenMP. `body` does not throw.
template <class Body>
void in_parallel(int threads, std::int64_t count, const Body& body) {
  detail::in_parallel(
      threads, count,
      [](const void* of, std::int64_t begin, std::int64_t end) {
        (*static_cast<const Body*>(of))(begin, end);
      },
      &body);
}

}  // namespace assay
