// An input of a fuzz target as a file, which is what assay's readers take. It lies in memory, and is used
// again.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "assay/core/error.h"

namespace assay::fuzz {

class InputFile {
 public:
  InputFile() : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& holding(const void* bytes, std::size_t size) const {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0 ||
        ::pwrite(descriptor_, bytes, size, 0) != static_cast<ssize_t>(size))
      std::abort();
    return path_;
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
};

/// A file that is refused with an Error is read as it should be; any other exception ends the program.
inline void expect_error_or_success(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

}  // namespace assay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
