// The .npz format: a zip archive with one .npy file per array, as numpy.savez and numpy.savez_compressed
// write it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/data/named_tensor.h"
#include "assay/data/stored_array.h"

namespace assay {

/// An open archive. Arrays are decompressed when they are read. Not for use by two threads at once.
class NpzFile {
 public:
  /// Throws Error where the file is missing, is no zip archive, or names an array twice.
  explicit NpzFile(const std::filesystem::path& path);
  ~NpzFile();
  NpzFile(NpzFile&&) noexcept;
  NpzFile& operator=(NpzFile&&) noexcept;

  /// Names of the arrays, in the order of the archive, without ".npy". Entries of other kinds are passed
  /// over.
  const std::vector<std::string>& names() const noexcept;
  bool contains(std::string_view name) const noexcept;

  /// How the array is stored, without its values. Throws Error for an unknown name (with the nearest) or a
  /// malformed header.
  StoredArray describe(std::string_view name) const;
  /// The array, in dtype `wanted` or the natural one (see decode()). Throws Error naming the file and the
  /// array; memory is taken only once the header, the size in the archive and the compressed size agree.
  Tensor read(std::string_view name, std::optional<DType> wanted = {}) const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

/// Every array, in the order of the archive, in its natural dtype.
std::vector<NamedTensor> read_npz(const std::filesystem::path& path);

/// Writes the arrays, uncompressed, in the order given: the same bytes for the same arrays, at any time and
/// place. The file appears whole or not at all. Throws Error for an empty list, an empty or repeated name, a
/// dtype that .npy lacks, or where the file cannot be written.
void write_npz(const std::filesystem::path& path, std::span<const NamedView> arrays);

}  // namespace assay
