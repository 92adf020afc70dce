// Inflates gzip content (RFC 1952) that is held in memory, no further than it is asked to. Members that
// follow one another count as one stream; anything else behind the end is an error.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace assay {

class GzipReader {
 public:
  /// No gzip stream expands by more than this factor, so that a promise can be judged before memory is taken.
  static constexpr std::uint64_t kExpansionLimit = 1032;

  /// True where `content` begins as gzip files do.
  static bool recognises(std::span<const std::byte> content) noexcept;

  /// `content` outlives the reader; errors name `path`.
  GzipReader(std::span<const std::byte> content, const std::filesystem::path& path);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Inflates into `out` until it is full or the stream has ended; returns how many bytes it wrote. Throws
  /// Error for damaged or truncated content, a wrong checksum included.
  std::size_t read(std::span<std::byte> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay
