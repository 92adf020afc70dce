#include "assay/data/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "assay/core/utf8.h"

// Tensors are written as they lie in memory, and every format of this folder is little-endian on the disk or
// says so.
static_assert(std::endian::native == std::endian::little,
              "assay's file formats assume a little-endian machine");

namespace assay::file {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

// What errno says, without std::strerror's shared buffer.
std::string reason() { return std::error_code(errno, std::generic_category()).message(); }

struct OpenFile {
  Descriptor descriptor;
  std::uint64_t size;
};

OpenFile open_regular(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe without a writer would wait for one.
  const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (number < 0) {
    const bool missing = errno == ENOENT;
    fail(path, fmt::format("cannot read '{}': {}", path.string(), reason()),
         missing ? "check the path; a relative one in an experiment file starts at the folder of that file" : "");
  }
  OpenFile file{Descriptor(number), 0};
  struct stat status {};
  if (::fstat(number, &status) != 0) fail(path, fmt::format("cannot read '{}': {}", path.string(), reason()));
  if (!S_ISREG(status.st_mode)) {
    fail(path, fmt::format("'{}' is {}, not a regular file", path.string(),
                           S_ISDIR(status.st_mode) ? "a directory" : "a pipe, socket or device"));
  }
  file.size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

// What is written goes to the disk in pieces of this size while the next one is copied, so that fsync finds
// little left.
constexpr std::size_t kWritePiece = std::size_t{4} << 20;

bool write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), kWritePiece));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    // A hint: what goes wrong with it, fsync says. All that was written and is not under way yet.
    if (static_cast<std::size_t>(written) == kWritePiece)
      ::sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  return true;
}

// Whether the file holds these bytes, one part after the other, and no more.
bool holds(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) return false;
  std::size_t longest = 1;
  for (const std::span<const std::byte> part : parts) longest = std::max(longest, part.size());
  std::vector<std::byte> buffer(std::min(longest, std::size_t{1} << 20));
  const auto read_some = [&](std::size_t most) {
    ssize_t got = 0;
    do got = ::read(file.number(), buffer.data(), std::min(most, buffer.size()));
    while (got < 0 && errno == EINTR);
    return got;
  };
  for (std::span<const std::byte> part : parts) {
    while (!part.empty()) {
      const ssize_t got = read_some(part.size());
      if (got < 0) return false;
      errno = EIO;  // what a difference means
      if (got == 0 || std::memcmp(buffer.data(), part.data(), static_cast<std::size_t>(got)) != 0)
        return false;
      part = part.subspan(static_cast<std::size_t>(got));
    }
  }
  errno = EIO;
  return read_some(1) == 0;
}

// A rename survives a crash once its directory is on the disk. File systems that cannot do that say so, and
// the data is safe anyway; any other failure is one.
bool sync_directory_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() < 0) return errno == EACCES;  // written to, but not to be read
  return ::fsync(directory.number()) == 0 || errno == EINVAL || errno == ENOTSUP;
}

void require_directory_of(const std::filesystem::path& path) {
  if (sync_directory_of(path)) return;
  fail(path, fmt::format("'{}' was written, but its directory may not be on the disk: {}", path.string(),
                         reason()));
}

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return ~std::uint64_t{0} >> 1;  // unknown
  return saturating_product(static_cast<std::uint64_t>(pages), static_cast<std::uint64_t>(page));
}

}  // namespace

SourceRange place(const std::filesystem::path& path) {
  SourceRange range;
  range.file = path.string();
  return range;
}

void fail(const std::filesystem::path& path, std::string message, std::string help) {
  Error error(std::move(message));
  if (!path.empty()) error.at(place(path));
  error.help(std::move(help));
  throw error;
}

std::string suggest(std::string_view what, std::string_view name, std::span<const std::string> candidates) {
  constexpr std::size_t kMost = 100;
  std::vector<std::string> shown;
  for (const std::string& candidate : candidates.first(std::min(candidates.size(), kMost))) {
    if (candidate.size() <= kMost) shown.push_back(displayable(candidate));
  }
  return suggestion(what, name.substr(0, kMost), shown);
}

std::uint64_t size(const std::filesystem::path& path) { return open_regular(path).size; }

std::vector<std::byte> read(const std::filesystem::path& path) {
  const OpenFile file = open_regular(path);
  if (file.size > machine_memory()) {
    fail(path, fmt::format("'{}' has {} bytes, more than this machine's memory", path.string(), file.size));
  }
  std::vector<std::byte> bytes(file.size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.descriptor.number(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, fmt::format("cannot read '{}': {} (byte {})", path.string(), reason(), done));
    if (got == 0)
      fail(path,
           fmt::format("'{}' shrank while it was read, from {} to {} bytes", path.string(), file.size, done));
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

void write_atomically(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts,
                      Durability durability) {
  std::filesystem::path temporary;
  int number = -1;
  // O_EXCL never opens a file that exists; another process of the same id left this name behind, so the next
  // is tried.
  for (int attempt = 0; attempt < 100 && number < 0; ++attempt) {
    temporary = path;
    temporary += fmt::format(".{}-{}.tmp", ::getpid(), attempt);
    number = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (number < 0 && errno != EEXIST) break;
  }
  if (number < 0) fail(path, fmt::format("cannot write '{}': {}", path.string(), reason()));
  Descriptor file(number);
  bool written = std::ranges::all_of(parts, [&](auto part) { return write_all(file.number(), part); });
  if (durability == Durability::now) written = written && ::fsync(file.number()) == 0;
  written = written && file.close();
  written = written && holds(temporary, parts);
  written = written && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    const std::string why = reason();
    ::unlink(temporary.c_str());
    fail(path, fmt::format("cannot write '{}': {}", path.string(), why));
  }
  if (durability == Durability::now) require_directory_of(path);
}

void synchronize(std::span<const std::filesystem::path> files) {
  for (const std::filesystem::path& path : files) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0 && errno == ENOENT) continue;
    if (file.number() < 0 || ::fsync(file.number()) != 0)
      fail(path, fmt::format("'{}' was written, but may not be on the disk: {}", path.string(), reason()));
  }
  if (!files.empty()) require_directory_of(files.front());
}

Tensor allocate(const Spec& spec, const std::filesystem::path& path) {
  const std::uint64_t bytes =
      saturating_product(static_cast<std::uint64_t>(spec.count()), size_of(spec.dtype));
  const std::uint64_t memory = machine_memory();
  if (bytes > memory) {
    fail(path,
         fmt::format("{} needs more memory than this machine has ({} MiB)", spec.to_string(), memory >> 20),
         "use fewer or smaller samples");
  }
  return Tensor(spec);
}

struct ContentHash::State {
  XXH3_state_t* xxh3 = XXH3_createState();
  State() {
    if (xxh3 == nullptr || XXH3_128bits_reset(xxh3) == XXH_ERROR)
      throw Error("out of memory: a hash could not be started");
  }
  ~State() { XXH3_freeState(xxh3); }
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::~ContentHash() = default;

ContentHash& ContentHash::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size());
  return *this;
}

ContentHash& ContentHash::add(const TensorView& tensor) { return add(tensor.bytes()); }

std::string ContentHash::text() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh3);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string identity(std::span<const std::filesystem::path> files) {
  ContentHash hash;
  // In pieces that stay in a cache: fresh memory for a whole file costs more than its hash.
  std::vector<std::byte> piece(std::size_t{1} << 18);
  for (const std::filesystem::path& path : files) {
    const OpenFile file = open_regular(path);
    while (const ssize_t got = ::read(file.descriptor.number(), piece.data(), piece.size())) {
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(path, fmt::format("cannot read '{}': {}", path.string(), reason()));
      hash.add(std::span(piece).first(static_cast<std::size_t>(got)));
    }
  }
  return hash.text();
}

}  // namespace assay::file
