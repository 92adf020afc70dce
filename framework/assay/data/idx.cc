#include "assay/data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "assay/core/error.h"
#include "assay/data/file.h"
#include "assay/data/gzip.h"
#include "assay/data/stored_array.h"

namespace assay {
namespace {

// The bytes of the IDX content one after the other, inflated where the file is gzipped.
class Input {
 public:
  Input(std::span<const std::byte> content, const std::filesystem::path& path) : content_(content) {
    if (GzipReader::recognises(content)) gzip_.emplace(content, path);
  }

  std::size_t read(std::span<std::byte> out) {
    if (gzip_) return gzip_->read(out);
    const std::size_t count = std::min(out.size(), content_.size() - place_);
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(place_), count, out.begin());
    place_ += count;
    return count;
  }

  // The most bytes that the whole content can have.
  std::uint64_t limit() const {
    return gzip_ ? file::saturating_product(content_.size(), GzipReader::kExpansionLimit) : content_.size();
  }

 private:
  std::span<const std::byte> content_;
  std::optional<GzipReader> gzip_;
  std::size_t place_ = 0;
};

std::optional<StoredType> type_of_code(unsigned code) {
  switch (code) {
    case 0x08:
      return StoredType::u8;
    case 0x09:
      return StoredType::i8;
    case 0x0B:
      return StoredType::i16;
    case 0x0C:
      return StoredType::i32;
    case 0x0D:
      return StoredType::f32;
    case 0x0E:
      return StoredType::f64;
    default:
      return std::nullopt;
  }
}

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kExtentBytes = 4;

}  // namespace

Tensor read_idx(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file::read(path);
  Input input(bytes, path);

  std::array<std::byte, kMagicBytes> magic_bytes{};
  const std::size_t magic_size = input.read(magic_bytes);
  const auto magic = file::load<std::uint32_t>(magic_bytes, 0, true);
  const auto type = type_of_code(magic >> 8);
  const std::size_t rank = magic & 0xFF;
  if (magic_size < kMagicBytes || !type || rank == 0 || rank > Shape::kMaxRank) {
    file::fail(
        path,
        magic_size < kMagicBytes
            ? fmt::format("not an IDX file: {} bytes, shorter than the magic number", magic_size)
            : fmt::format("not an IDX file: the magic number at byte 0 is 0x{:08X}", magic),
        "IDX begins with 0x000008NN for unsigned bytes (0x00000803 for images, 0x00000801 for labels)");
  }

  std::array<std::byte, kExtentBytes * Shape::kMaxRank> extent_bytes{};
  const std::size_t header_bytes = kMagicBytes + rank * kExtentBytes;
  const std::size_t extents_size = input.read(std::span(extent_bytes).first(rank * kExtentBytes));
  if (extents_size < rank * kExtentBytes) {
    file::fail(
        path,
        fmt::format("the IDX header is truncated: {} bytes of {}", kMagicBytes + extents_size, header_bytes),
        "copy or download the file again");
  }
  std::vector<std::int64_t> extents;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    extents.push_back(file::load<std::uint32_t>(extent_bytes, axis * kExtentBytes, true));
  }
  StoredArray array;
  array.type = *type;
  array.big_endian = true;
  try {
    array.shape = Shape(std::span<const std::int64_t>(extents));
  } catch (Error& error) {
    throw error.at(file::place(path));
  }

  const std::uint64_t promised =
      file::saturating_product(static_cast<std::uint64_t>(array.shape.count()), size_of(*type));
  const auto mismatch = [&](const std::string& found) {
    file::fail(path,
               fmt::format("the extents {} at byte {} promise {} bytes of {}, but {}",
                           array.shape.to_string(), kMagicBytes, promised, name_of(*type), found),
               "the file was cut off or changed; copy or download it again");
  };
  if (promised > input.limit()) mismatch(fmt::format("the file can hold {} at most", input.limit()));
  // Bytes are read into their tensor at once, other numbers by way of a buffer in the file's byte order.
  const bool is_bytes = *type == StoredType::u8;
  Tensor storage =
      file::allocate({DType::u8, is_bytes ? array.shape : Shape{static_cast<std::int64_t>(promised)}}, path);
  const std::size_t found = input.read(storage.view().bytes());
  if (found < promised) mismatch(fmt::format("{} follow the header", found));
  std::byte beyond{};
  if (input.read({&beyond, 1}) != 0) mismatch("more follow the header");
  if (is_bytes) return storage;
  array.bytes = storage.view().bytes();
  return decode(array, {}, path);
}

}  // namespace assay
