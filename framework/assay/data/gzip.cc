#include "assay/data/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "assay/data/file.h"

namespace assay {
namespace {

constexpr int kGzipOnly = 15 + 16;  // the largest window, and no other wrapping
// zlib counts in unsigned int.
constexpr std::size_t kPiece = std::numeric_limits<uInt>::max();
constexpr const char* kRemedy = "copy or download the file again";

}  // namespace

struct GzipReader::State {
  std::span<const std::byte> rest;  // what zlib has not been given yet
  std::filesystem::path path;
  z_stream stream{};
  std::uint64_t produced = 0;
  bool ended = false;
};

bool GzipReader::recognises(std::span<const std::byte> content) noexcept {
  return content.size() >= 2 && content[0] == std::byte{0x1F} && content[1] == std::byte{0x8B};
}

GzipReader::GzipReader(std::span<const std::byte> content, const std::filesystem::path& path)
    : state_(std::make_unique<State>()) {
  state_->rest = content;
  state_->path = path;
  if (inflateInit2(&state_->stream, kGzipOnly) != Z_OK)
    file::fail(path, "zlib could not be started: out of memory");
}

GzipReader::~GzipReader() { inflateEnd(&state_->stream); }

std::size_t GzipReader::read(std::span<std::byte> out) {
  z_stream& stream = state_->stream;
  const std::size_t wanted = out.size();
  while (!out.empty() && !state_->ended) {
    if (stream.avail_in == 0) {
      const auto piece = state_->rest.first(std::min(state_->rest.size(), kPiece));
      state_->rest = state_->rest.subspan(piece.size());
      // zlib takes a pointer to mutable bytes, which it does not change.
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
      stream.avail_in = static_cast<uInt>(piece.size());
    }
    const std::size_t room = std::min(out.size(), kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    const std::size_t written = room - stream.avail_out;
    out = out.subspan(written);
    state_->produced += written;
    if (result == Z_STREAM_END) {
      // What follows the end of a member must be another one: zlib judges its header.
      state_->ended = stream.avail_in == 0 && state_->rest.empty();
      if (!state_->ended) inflateReset(&stream);
    } else if (result == Z_BUF_ERROR) {  // no input is left
      file::fail(state_->path,
                 fmt::format("the gzip data is truncated: it ends after {} inflated bytes", state_->produced),
                 kRemedy);
    } else if (result != Z_OK) {
      file::fail(state_->path,
                 fmt::format("the gzip data is damaged after {} inflated bytes: {}", state_->produced,
                             stream.msg != nullptr ? stream.msg : zError(result)),
                 kRemedy);
    }
  }
  return wanted - out.size();
}

}  // namespace assay
