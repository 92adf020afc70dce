#include "assay/allocation_count.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

// GCC defines a macro for each sanitizer, Clang answers a question.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASSAY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ASSAY_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(ASSAY_SANITIZED)
#define ASSAY_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
}  // namespace

#ifdef ASSAY_COUNTS_ALLOCATIONS
namespace {
void count() noexcept {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

// glibc lets a program replace malloc and its family; these forward to glibc's own. operator new calls
// malloc.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* memory);

void* malloc(std::size_t bytes) noexcept {
  count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t number, std::size_t bytes) noexcept {
  count();
  return __libc_calloc(number, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  count();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  count();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) noexcept { __libc_free(memory); }
}
#endif

namespace assay::cli {

bool can_count_allocations() noexcept {
#ifdef ASSAY_COUNTS_ALLOCATIONS
  return true;
#else
  return false;
#endif
}

AllocationCount::AllocationCount() noexcept {
  allocations = 0;
  counting = true;
}
AllocationCount::~AllocationCount() { counting = false; }
long AllocationCount::value() const noexcept { return allocations; }

}  // namespace assay::cli
