// Whole files in and out, and errors that name them: what the readers and writers of this folder share.
// Reads see regular files only, so that no pipe or device can make a read hang or grow without end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/tensor.h"

namespace assay::file {

/// The file as the place of an Error, for Error::at().
SourceRange place(const std::filesystem::path& path);

/// An Error about `path`: "message", "--> path", and how to mend it.
[[noreturn]] void fail(const std::filesystem::path& path, std::string message, std::string help = {});

/// suggestion() for names that a file holds: shown safely, and only as many and as long as a message bears.
std::string suggest(std::string_view what, std::string_view name, std::span<const std::string> candidates);

/// Bytes of a regular file. Throws Error where it is missing, not regular, or may not be read.
std::uint64_t size(const std::filesystem::path& path);

/// The whole file. Throws Error as size() does, and where it changes size meanwhile.
std::vector<std::byte> read(const std::filesystem::path& path);

/// Whether a file is on the disk when it has been written, or once synchronize() is told of it.
enum class Durability : std::uint8_t { now, later };

/// The parts, one after the other, as the whole content of `path`: written beside it, forced to the disk
/// unless that is for later, read again, then renamed, so that a reader sees the old file or the new one and
/// never a part. Throws Error, and leaves nothing behind; a failed fsync is not tried again, for the second
/// one may claim what the first one lost.
void write_atomically(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts,
                      Durability durability = Durability::now);

/// Forces files of one folder, those of them that exist, to the disk. Throws Error naming what is not there.
void synchronize(std::span<const std::filesystem::path> files);

/// A tensor of zeros for values that `path` promises. Throws Error where the bytes overflow or exceed the
/// machine's memory, before anything is allocated. An empty path stands for generated data.
Tensor allocate(const Spec& spec, const std::filesystem::path& path);

/// XXH3 (128 bits) of a sequence of bytes, as `xxhsum -H2` prints it: tells data sets apart in the run
/// record.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  ContentHash& add(std::span<const std::byte> bytes);
  ContentHash& add(const TensorView& tensor);
  /// 32 hexadecimal digits of what was added so far.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The hash of what these files hold, one after the other.
std::string identity(std::span<const std::filesystem::path> files);

/// A little- or big-endian number at bytes[offset]. REQUIRES: offset + sizeof(T) <= bytes.size().
template <class T>
T load(std::span<const std::byte> bytes, std::size_t offset, bool big_endian = false) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t place = big_endian ? sizeof(T) - 1 - i : i;
    bits |= static_cast<std::uint64_t>(bytes[offset + i]) << (8 * place);
  }
  return static_cast<T>(bits);
}

/// a · b, or the largest value where the product does not fit: every size compared with it then mismatches.
constexpr std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? ~std::uint64_t{0} : product;
}

}  // namespace assay::file
