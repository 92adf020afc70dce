#include "assay/data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/utf8.h"
#include "assay/data/file.h"

namespace assay {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeCode {
  std::string_view code;
  StoredType type;
};
constexpr TypeCode kTypes[] = {{"b1", StoredType::boolean}, {"i1", StoredType::i8},  {"i2", StoredType::i16},
                               {"i4", StoredType::i32},     {"i8", StoredType::i64}, {"u1", StoredType::u8},
                               {"u2", StoredType::u16},     {"u4", StoredType::u32}, {"u8", StoredType::u64},
                               {"f2", StoredType::f16},     {"f4", StoredType::f32}, {"f8", StoredType::f64}};

// The header is a Python dictionary of three known keys: a cursor over its text.
class Literal {
 public:
  Literal(std::string_view text, std::size_t file_offset, const std::filesystem::path& path)
      : text_(text), file_offset_(file_offset), path_(path) {}

  [[noreturn]] void fail(const std::string& what) const {
    file::fail(path_, fmt::format("malformed .npy header at byte {}: {}", file_offset_ + place_, what),
               "write the file again with numpy.save or numpy.savez");
  }

  void skip_space() {
    while (place_ < text_.size() && std::string_view(" \t\r\n").find(text_[place_]) != std::string_view::npos)
      ++place_;
  }
  bool at_end() {
    skip_space();
    return place_ == text_.size();
  }
  bool accept(char c) {
    skip_space();
    if (place_ == text_.size() || text_[place_] != c) return false;
    ++place_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}' is missing", c));
  }

  std::string_view text() {
    skip_space();
    const char quote = place_ < text_.size() ? text_[place_] : '\0';
    if (quote != '\'' && quote != '"') fail("a quoted text is missing");
    const std::size_t end = text_.find(quote, place_ + 1);
    if (end == std::string_view::npos) fail("a quoted text does not end");
    const std::string_view content = text_.substr(place_ + 1, end - place_ - 1);
    place_ = end + 1;
    return content;
  }

  bool boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(place_).starts_with(word)) continue;
      place_ += word.size();
      return word == "True";
    }
    fail("True or False is missing");
  }

  Shape shape() {
    std::vector<std::int64_t> extents;
    expect('(');
    while (!accept(')')) {
      if (extents.size() == Shape::kMaxRank)
        fail(fmt::format("the array has more than {} axes", Shape::kMaxRank));
      extents.push_back(extent());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    try {
      return Shape(std::span<const std::int64_t>(extents));
    } catch (const Error& error) {
      fail(error.diagnostics().front().message);
    }
  }

  // The type code behind the byte order. Lists are structured types.
  StoredType type(bool& big_endian) {
    skip_space();
    if (place_ < text_.size() && text_[place_] == '[') {
      unsupported("a structured array", "save each field as an array of its own");
    }
    const std::string_view descr = text();
    const char order = descr.empty() ? '\0' : descr.front();
    const std::string_view code = descr.substr(std::min<std::size_t>(1, descr.size()));
    const auto known = std::ranges::find(kTypes, code, &TypeCode::code);
    const bool single = known != std::end(kTypes) && size_of(known->type) == 1;
    if (known != std::end(kTypes) &&
        (order == '<' || order == '>' || order == '=' || (order == '|' && single))) {
      big_endian = order == '>';
      return known->type;
    }
    switch (code.empty() ? '\0' : code.front()) {
      case 'c':
        unsupported("an array of complex numbers", "save its real and imaginary parts as two arrays");
      case 'O':
        unsupported("an array of Python objects", "convert it first, for example with x.astype('float64')");
      case 'U':
      case 'S':
        unsupported("an array of text",
                    "number the classes first, for example with numpy.unique(y, return_inverse=True)");
      case 'V':
        unsupported("a structured array", "save each field as an array of its own");
      case 'M':
      case 'm':
        unsupported("an array of dates or durations",
                    "convert it first, for example with x.astype('float64')");
      default:
        unsupported(fmt::format("an array of type {}", in_quotes(descr)),
                    "convert it first, for example with x.astype('float64')");
    }
  }

 private:
  [[noreturn]] void unsupported(const std::string& what, const std::string& help) const {
    file::fail(path_, what + " cannot be read: numbers and booleans can", help);
  }

  std::int64_t extent() {
    skip_space();
    std::int64_t value = 0;
    const char* first = text_.data() + place_;
    const auto [end, problem] = std::from_chars(first, text_.data() + text_.size(), value);
    if (problem == std::errc::result_out_of_range) fail("an extent does not fit 64 bits");
    if (problem != std::errc() || value < 0) fail("an extent is missing or negative");
    place_ += static_cast<std::size_t>(end - first);
    if (place_ < text_.size() && text_[place_] == 'L') ++place_;  // Python 2 wrote long integers so
    return value;
  }

  std::string_view text_;
  std::size_t file_offset_;
  const std::filesystem::path& path_;
  std::size_t place_ = 0;
};

StoredArray parse_dictionary(Literal& literal) {
  StoredArray array;
  bool seen_type = false;
  bool seen_order = false;
  bool seen_shape = false;
  literal.expect('{');
  while (!literal.accept('}')) {
    const std::string_view key = literal.text();
    bool* seen = key == "descr"           ? &seen_type
                 : key == "fortran_order" ? &seen_order
                 : key == "shape"         ? &seen_shape
                                          : nullptr;
    if (seen == nullptr) literal.fail("unknown key " + in_quotes(key));
    if (*seen) literal.fail("the key " + in_quotes(key) + " stands twice");
    *seen = true;
    literal.expect(':');
    if (key == "descr") array.type = literal.type(array.big_endian);
    if (key == "fortran_order") array.column_major = literal.boolean();
    if (key == "shape") array.shape = literal.shape();
    if (!literal.accept(',')) {
      literal.expect('}');
      break;
    }
  }
  if (!literal.at_end()) literal.fail("something follows the dictionary");
  if (!seen_type || !seen_order || !seen_shape)
    literal.fail("one of descr, fortran_order and shape is missing");
  return array;
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> head, std::uint64_t total_bytes,
                           const std::filesystem::path& path) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (!text.starts_with(kMagic)) {
    file::fail(path, "not .npy content: it does not begin with \\x93NUMPY",
               "write it with numpy.save or numpy.savez");
  }
  const auto truncated = [&](std::uint64_t wanted) {
    file::fail(path,
               fmt::format("the .npy header is truncated: {} bytes of at least {}", total_bytes, wanted));
  };
  if (head.size() < 10) truncated(10);
  const int major = std::to_integer<int>(head[6]);
  const int minor = std::to_integer<int>(head[7]);
  if (major < 1 || major > 3 || minor != 0) {
    file::fail(path,
               fmt::format(".npy version {}.{} is unknown: 1.0, 2.0 and 3.0 can be read", major, minor));
  }
  const std::size_t start = major == 1 ? 10 : 12;
  if (head.size() < start) truncated(start);
  const std::uint64_t length =
      major == 1 ? file::load<std::uint16_t>(head, 8) : file::load<std::uint32_t>(head, 8);
  NpyHeader header;
  header.header_bytes = start + length;
  if (header.header_bytes > total_bytes) truncated(header.header_bytes);
  if (header.header_bytes > kNpyHeaderLimit) {
    file::fail(path, fmt::format("a .npy header of {} bytes is above the limit of {}", header.header_bytes,
                                 kNpyHeaderLimit));
  }
  Literal literal(text.substr(start, length), start, path);
  header.array = parse_dictionary(literal);
  header.value_bytes = file::saturating_product(static_cast<std::uint64_t>(header.array.shape.count()),
                                                size_of(header.array.type));
  if (header.value_bytes != total_bytes - header.header_bytes) {
    file::fail(path,
               fmt::format("{}{} is {} bytes, but {} bytes follow the header, which ends at byte {}",
                           name_of(header.array.type), header.array.shape.to_string(), header.value_bytes,
                           total_bytes - header.header_bytes, header.header_bytes),
               "the file was cut off or changed; write it again");
  }
  return header;
}

Tensor read_npy(const std::filesystem::path& path, std::optional<DType> wanted) {
  const std::vector<std::byte> bytes = file::read(path);
  const std::span<const std::byte> content(bytes);
  NpyHeader header =
      parse_npy_header(content.first(std::min(content.size(), kNpyHeaderLimit)), content.size(), path);
  header.array.bytes = content.subspan(header.header_bytes);
  return decode(header.array, wanted, path);
}

std::string npy_header(const Spec& spec) {
  std::string_view descr;
  switch (spec.dtype) {
    case DType::f32:
      descr = "<f4";
      break;
    case DType::f64:
      descr = "<f8";
      break;
    case DType::i32:
      descr = "<i4";
      break;
    case DType::u8:
      descr = "|u1";
      break;
    default:
      throw Error(fmt::format("a tensor of dtype {} cannot be written as .npy", name_of(spec.dtype)))
          .help("convert it to f64 first");
  }
  std::string shape = fmt::format("{}", fmt::join(spec.shape.extents(), ", "));
  if (spec.shape.rank() == 1) shape += ",";
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  // Magic, version and length take 10 bytes, the newline one; the values start at a multiple of 64.
  dictionary.append(63 - (10 + dictionary.size()) % 64, ' ');
  dictionary += '\n';
  const char version_and_length[] = {1, 0, static_cast<char>(dictionary.size() & 0xFF),
                                     static_cast<char>(dictionary.size() >> 8)};
  return std::string(kMagic) + std::string(version_and_length, sizeof version_and_length) + dictionary;
}

void write_npy(const std::filesystem::path& path, const TensorView& tensor) {
  const std::string header = npy_header(tensor.spec);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(header)), tensor.bytes()};
  file::write_atomically(path, parts);
}

}  // namespace assay
