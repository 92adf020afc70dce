#include "assay/data/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "assay/core/error.h"
#include "assay/core/utf8.h"
#include "assay/data/file.h"
#include "assay/data/stored_array.h"

namespace assay {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kHeaderLimit = 100'000'000;  // the format's own
constexpr int kDepthLimit = 3;                       // the header, a tensor, its shape
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kSafetensorsRemedy = "the file was cut off or changed; save it again";

struct DtypeCode {
  std::string_view code;
  StoredType type;
};
constexpr DtypeCode kDtypeCodes[] = {
    {"F64", StoredType::f64},     {"F32", StoredType::f32}, {"F16", StoredType::f16},
    {"BF16", StoredType::bf16},   {"I64", StoredType::i64}, {"I32", StoredType::i32},
    {"I16", StoredType::i16},     {"I8", StoredType::i8},   {"U64", StoredType::u64},
    {"U32", StoredType::u32},     {"U16", StoredType::u16}, {"U8", StoredType::u8},
    {"BOOL", StoredType::boolean}};

// A tensor as the header describes it: its bytes are [begin, end) behind the header.
struct Entry {
  std::string name;
  StoredType type;
  Shape shape;
  std::uint64_t begin;
  std::uint64_t end;
};

// Parses with what the JSON library does not refuse by itself: repeated keys and nesting without end.
Json parse_header(std::string_view text, const std::filesystem::path& path) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= kDepthLimit)
        file::fail(path, fmt::format("the header nests deeper than {} levels", kDepthLimit),
                   kSafetensorsRemedy);
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      file::fail(path, fmt::format("the header has {} twice", in_quotes(parsed.get<std::string>())),
                 kSafetensorsRemedy);
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::parse_error& error) {
    file::fail(path, fmt::format("the header is not JSON at byte {}", kLengthBytes + error.byte),
               kSafetensorsRemedy);
  } catch (const Json::out_of_range&) {
    file::fail(path, "the header has a number that is larger than any double", kSafetensorsRemedy);
  }
}

std::map<std::string, std::string> parse_metadata(const Json& value, const std::filesystem::path& path) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object())
    file::fail(path, fmt::format("{} is not an object of texts", kMetadata), kSafetensorsRemedy);
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string())
      file::fail(path, fmt::format("the value of {} in {} is not text", in_quotes(key), kMetadata),
                 kSafetensorsRemedy);
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

std::uint64_t parse_offset(const Json& value, const std::filesystem::path& path) {
  if (!value.is_number_unsigned())
    file::fail(path, "an entry of data_offsets is not a non-negative integer", kSafetensorsRemedy);
  return value.get<std::uint64_t>();
}

Entry parse_entry(const std::string& name, const Json& value, const std::filesystem::path& path) {
  const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                        value.contains("shape") && value.contains("data_offsets") &&
                        value["dtype"].is_string() && value["shape"].is_array() &&
                        value["data_offsets"].is_array() && value["data_offsets"].size() == 2;
  if (!complete)
    file::fail(path, "an entry needs exactly dtype (text), shape (list) and data_offsets (two numbers)",
               kSafetensorsRemedy);
  const auto code = value["dtype"].get<std::string>();
  const auto type = std::ranges::find(kDtypeCodes, code, &DtypeCode::code);
  if (type == std::end(kDtypeCodes)) {
    file::fail(path, fmt::format("dtype {} cannot be read", in_quotes(code)),
               "save the tensor as F32, F64, I32 or U8");
  }
  std::vector<std::int64_t> extents;
  for (const Json& extent : value["shape"]) {
    if (!extent.is_number_unsigned() || !std::in_range<std::int64_t>(extent.get<std::uint64_t>())) {
      file::fail(path, "an extent of the shape is not a non-negative 63-bit integer", kSafetensorsRemedy);
    }
    extents.push_back(extent.get<std::int64_t>());
  }
  return {name, type->type, Shape(std::span<const std::int64_t>(extents)),
          parse_offset(value["data_offsets"][0], path), parse_offset(value["data_offsets"][1], path)};
}

// In the order of the bytes, the tensors must cover them all, once.
void check_extents(std::vector<Entry>& entries, std::uint64_t available, const std::filesystem::path& path) {
  std::ranges::stable_sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    const std::uint64_t wanted =
        file::saturating_product(static_cast<std::uint64_t>(entry.shape.count()), size_of(entry.type));
    const auto fail = [&](const std::string& what) {
      file::fail(path,
                 fmt::format("tensor {} (bytes {} to {} of the data) {}", in_quotes(entry.name), entry.begin,
                             entry.end, what),
                 kSafetensorsRemedy);
    };
    if (entry.end < entry.begin) fail("ends before it begins");
    if (entry.end > available) fail(fmt::format("lies beyond the file, which holds {}", available));
    if (entry.end - entry.begin != wanted) {
      fail(fmt::format("has another size than its {}{}: {} bytes", name_of(entry.type),
                       entry.shape.to_string(), wanted));
    }
    if (entry.begin < place) fail(fmt::format("overlaps the tensor before it, which ends at {}", place));
    if (entry.begin > place) fail(fmt::format("leaves a hole from {} on", place));
    place = entry.end;
  }
  if (place != available) {
    file::fail(path, fmt::format("the tensors end at byte {} of the data, which has {}", place, available),
               kSafetensorsRemedy);
  }
}

std::string_view code_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return "F64";
    case DType::f32:
      return "F32";
    case DType::i32:
      return "I32";
    case DType::u8:
      return "U8";
    default:
      throw Error(fmt::format("a tensor of dtype {} cannot be written as safetensors", name_of(dtype)))
          .help("convert it to f64 first");
  }
}

}  // namespace

SafeTensors read_safetensors(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file::read(path);
  if (bytes.size() < kLengthBytes) {
    file::fail(
        path,
        fmt::format("not a safetensors file: {} bytes, shorter than the length of its header", bytes.size()),
        kSafetensorsRemedy);
  }
  const std::span<const std::byte> content = std::span(bytes).subspan(kLengthBytes);
  const auto length = file::load<std::uint64_t>(bytes, 0);
  if (length > kHeaderLimit || length > content.size()) {
    file::fail(
        path,
        fmt::format("the header's length at byte 0 is {}, but {} bytes follow and {} is the format's limit",
                    length, content.size(), kHeaderLimit),
        "this is no safetensors file, or one that was cut off");
  }
  const std::string_view text(reinterpret_cast<const char*>(content.data()), length);
  if (!text.starts_with('{'))
    file::fail(path, "the header does not begin with '{' at byte 8", "this is no safetensors file");
  if (const std::size_t nul = text.find('\0');
      nul != std::string_view::npos)  // where the JSON library would stop
    file::fail(path, fmt::format("the header has a NUL byte at byte {}", kLengthBytes + nul),
               kSafetensorsRemedy);
  const Json header = parse_header(text, path);
  const std::span<const std::byte> data = content.subspan(length);

  SafeTensors result;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      result.metadata = parse_metadata(value, path);
      continue;
    }
    try {
      entries.push_back(parse_entry(name, value, path));
    } catch (Error& error) {
      throw error.in(fmt::format("tensor {}", in_quotes(name))).at(file::place(path));
    }
  }
  check_extents(entries, data.size(), path);
  for (Entry& entry : entries) {
    StoredArray array{.type = entry.type, .shape = entry.shape};
    array.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    try {
      result.tensors.push_back({entry.name, decode(array, {}, path)});
    } catch (Error& error) {
      throw error.in(fmt::format("tensor {}", in_quotes(entry.name)));
    }
  }
  return result;
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const NamedView*> ordered;
  for (const NamedView& tensor : tensors) ordered.push_back(&tensor);
  std::ranges::stable_sort(ordered, std::greater(),
                           [](const NamedView* t) { return size_of(t->view.spec.dtype); });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t place = 0;
  std::vector<std::span<const std::byte>> parts(2);  // the header's length, the header, then the tensors
  for (const NamedView* tensor : ordered) {
    const Spec& spec = tensor->view.spec;
    const std::string& name = tensor->name;
    if (name.empty() || name == kMetadata)
      file::fail(path, fmt::format("a tensor cannot be named '{}'", name));
    if (header.contains(name))
      file::fail(path, fmt::format("two tensors to be written are named '{}'", name));
    header[name] = {{"dtype", code_of(spec.dtype)},
                    {"shape", spec.shape.extents()},
                    {"data_offsets", {place, place + spec.bytes()}}};
    place += spec.bytes();
    parts.push_back(tensor->view.bytes());
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::ordered_json::type_error&) {
    file::fail(path, "a name or a text of the metadata is not UTF-8");
  }
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  parts[0] = std::as_bytes(std::span(&length, 1));
  parts[1] = std::as_bytes(std::span(text));
  file::write_atomically(path, parts);
}

}  // namespace assay
