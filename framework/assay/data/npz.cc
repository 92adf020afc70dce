#include "assay/data/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <map>
#include <utility>

#include "assay/core/error.h"
#include "assay/core/utf8.h"
#include "assay/data/file.h"
#include "assay/data/npy.h"

namespace assay {
namespace {

constexpr std::string_view kSuffix = ".npy";
// No deflate stream expands by more: 258 bytes from 2 bits, two of which make a distance and a length code.
constexpr std::uint64_t kDeflateLimit = 1032;

std::string open_failure(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

}  // namespace

struct CloseZipEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

// zip_discard() gives an archive up without writing it.
struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Zip = std::unique_ptr<zip_t, DiscardZip>;

struct NpzFile::Archive {
  using Entry = std::unique_ptr<zip_file_t, CloseZipEntry>;

  std::filesystem::path path;
  std::uint64_t file_size = 0;
  Zip zip;
  std::vector<std::string> names;
  std::map<std::string, zip_uint64_t, std::less<>> indices;

  // An open entry that has given its header, ready to give its values.
  struct Opened {
    Entry entry;
    NpyHeader header;
    std::vector<std::byte> head;
  };

  Opened open(std::string_view name) const;
  void read_exactly(zip_file_t* entry, std::span<std::byte> bytes) const;
};

NpzFile::NpzFile(const std::filesystem::path& path) : archive_(std::make_unique<Archive>()) {
  archive_->path = path;
  archive_->file_size = file::size(path);
  int code = 0;
  archive_->zip.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive_->zip) {
    file::fail(path, fmt::format("'{}' is not an .npz archive: {}", path.string(), open_failure(code)),
               code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS
                   ? "the file was cut off, or is of another format; write it with numpy.savez"
                   : "");
  }
  const zip_int64_t count = zip_get_num_entries(archive_->zip.get(), 0);
  for (zip_int64_t index = 0; index < count; ++index) {
    const char* entry_name =
        zip_get_name(archive_->zip.get(), static_cast<zip_uint64_t>(index), ZIP_FL_ENC_GUESS);
    std::string_view name = entry_name != nullptr ? entry_name : "";
    if (!name.ends_with(kSuffix)) continue;
    name.remove_suffix(kSuffix.size());
    if (!archive_->indices.emplace(name, static_cast<zip_uint64_t>(index)).second) {
      file::fail(path, fmt::format("the array {} stands twice in '{}'", in_quotes(name), path.string()));
    }
    archive_->names.emplace_back(name);
  }
}

NpzFile::~NpzFile() = default;
NpzFile::NpzFile(NpzFile&&) noexcept = default;
NpzFile& NpzFile::operator=(NpzFile&&) noexcept = default;

const std::vector<std::string>& NpzFile::names() const noexcept { return archive_->names; }

bool NpzFile::contains(std::string_view name) const noexcept { return archive_->indices.contains(name); }

void NpzFile::Archive::read_exactly(zip_file_t* entry, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const zip_int64_t got = zip_fread(entry, bytes.data(), bytes.size());
    if (got < 0)
      file::fail(path, fmt::format("damaged archive: {}", zip_file_strerror(entry)), "write the file again");
    if (got == 0)
      file::fail(path, fmt::format("damaged archive: {} bytes are missing", bytes.size()),
                 "write the file again");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

NpzFile::Archive::Opened NpzFile::Archive::open(std::string_view name) const {
  const auto found = indices.find(name);
  if (found == indices.end()) {
    file::fail(path, fmt::format("'{}' has no array {}", path.string(), in_quotes(name)),
               file::suggest("array", name, names));
  }
  zip_stat_t status;
  zip_stat_init(&status);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(zip.get(), found->second, 0, &status) != 0 || (status.valid & kNeeded) != kNeeded) {
    file::fail(path, fmt::format("damaged archive: {}", zip_strerror(zip.get())), "write the file again");
  }
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
    file::fail(path,
               fmt::format("compression method {} cannot be read: stored and deflated arrays can",
                           status.comp_method),
               "write the file with numpy.savez or numpy.savez_compressed");
  }
  const std::uint64_t expansion = status.comp_method == ZIP_CM_STORE ? 1 : kDeflateLimit;
  if (status.comp_size > file_size || status.size > file::saturating_product(status.comp_size, expansion)) {
    file::fail(path,
               fmt::format("damaged archive: {} bytes are promised from {} compressed ones in a file of {}",
                           status.size, status.comp_size, file_size),
               "write the file again");
  }
  Opened opened;
  opened.entry.reset(zip_fopen_index(zip.get(), found->second, 0));
  if (!opened.entry)
    file::fail(path, zip_strerror(zip.get()), "write the file with numpy.savez, without a password");
  opened.head.resize(static_cast<std::size_t>(std::min<std::uint64_t>(status.size, kNpyHeaderLimit)));
  read_exactly(opened.entry.get(), opened.head);
  opened.header = parse_npy_header(opened.head, status.size, path);
  return opened;
}

StoredArray NpzFile::describe(std::string_view name) const {
  try {
    return archive_->open(name).header.array;
  } catch (Error& error) {
    throw error.in(fmt::format("array {}", in_quotes(name)));
  }
}

Tensor NpzFile::read(std::string_view name, std::optional<DType> wanted) const {
  try {
    Archive::Opened opened = archive_->open(name);
    StoredArray& array = opened.header.array;
    // Asked for before the bytes are read, so that what cannot be held is refused first.
    const Tensor storage = file::allocate(
        {DType::u8, Shape{static_cast<std::int64_t>(opened.header.value_bytes)}}, archive_->path);
    const auto bytes = storage.view().bytes();
    const auto begun = std::span<const std::byte>(opened.head).subspan(opened.header.header_bytes);
    std::ranges::copy(begun, bytes.begin());
    archive_->read_exactly(opened.entry.get(), bytes.subspan(begun.size()));
    // One more read reaches the end, where libzip compares the checksum.
    std::byte beyond{};
    if (zip_fread(opened.entry.get(), &beyond, 1) != 0) {
      file::fail(archive_->path, fmt::format("damaged archive: {}", zip_file_strerror(opened.entry.get())),
                 "write the file again");
    }
    array.bytes = bytes;
    return decode(array, wanted, archive_->path);
  } catch (Error& error) {
    throw error.in(fmt::format("array {}", in_quotes(name)));
  }
}

std::vector<NamedTensor> read_npz(const std::filesystem::path& path) {
  const NpzFile file(path);
  std::vector<NamedTensor> arrays;
  for (const std::string& name : file.names()) arrays.push_back({name, file.read(name)});
  return arrays;
}

void write_npz(const std::filesystem::path& path, std::span<const NamedView> arrays) {
  if (arrays.empty()) file::fail(path, "an .npz archive without arrays cannot be written");
  int code = 0;
  Zip zip(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!zip) file::fail(path, fmt::format("cannot write '{}': {}", path.string(), open_failure(code)));
  const auto check = [&](bool good) {
    if (!good) file::fail(path, fmt::format("cannot write '{}': {}", path.string(), zip_strerror(zip.get())));
  };
  std::map<std::string_view, bool> seen;
  std::vector<std::string> headers;
  headers.reserve(arrays.size());
  for (const NamedView& array : arrays) {
    if (array.name.empty()) file::fail(path, "an array to be written has no name");
    if (!seen.emplace(array.name, true).second)
      file::fail(path, fmt::format("two arrays to be written are named '{}'", array.name));
    const std::string& header = headers.emplace_back(npy_header(array.view.spec));
    // libzip copies the list of fragments, and reads what they point to when the archive is closed. It never
    // writes there.
    zip_buffer_fragment_t fragments[] = {
        {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(header.data())), header.size()},
        {static_cast<zip_uint8_t*>(array.view.data), array.view.spec.bytes()}};
    zip_source_t* source =
        zip_source_buffer_fragment(zip.get(), fragments, array.view.spec.bytes() > 0 ? 2 : 1, 0);
    check(source != nullptr);
    const std::string entry_name = array.name + std::string(kSuffix);
    const zip_int64_t index = zip_file_add(zip.get(), entry_name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(source);
    check(index >= 0);
    // 1 January 1980, the beginning of the format's time: the bytes must not depend on when they were
    // written.
    constexpr zip_uint16_t kMidnight = 0;
    constexpr zip_uint16_t kFirstDay = 1 << 5 | 1;
    check(zip_file_set_dostime(zip.get(), static_cast<zip_uint64_t>(index), kMidnight, kFirstDay, 0) == 0);
    check(zip_set_file_compression(zip.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0);
  }
  check(zip_close(zip.get()) == 0);
  zip.release();  // closed
}

}  // namespace assay
