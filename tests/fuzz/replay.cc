// A fuzz target without a fuzzer: every file of the folders that are named goes through it once, within a
// limit of memory, as part of the ordinary tests.
//   replay FOLDER...
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/input_file.h"

namespace {

// Far above what a file of some kilobytes may ask for; what asks for more throws std::bad_alloc, which no
// target catches.
constexpr rlim_t kMemory = rlim_t{2} << 30;

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int count, char** words) {
#ifndef ASSAY_SANITIZED  // a sanitizer reserves terabytes for itself
  const rlimit limit{kMemory, kMemory};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
  std::size_t replayed = 0;
  for (int i = 1; i < count; ++i) {
    for (const std::filesystem::path& path : files_in(words[i])) {
      std::printf("%s\n", path.c_str());
      std::fflush(stdout);  // the last one named is the one that ended the program
      std::ifstream file(path, std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      ++replayed;
    }
  }
  std::printf("%zu inputs\n", replayed);
  return replayed > 0 ? 0 : 1;
}
