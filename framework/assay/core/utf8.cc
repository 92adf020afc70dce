#include "assay/core/utf8.h"

namespace assay {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::string_view kReplacementBytes = "\xEF\xBF\xBD";

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t offset) noexcept {
  const CodePoint malformed{kReplacement, 1, false};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - offset < size) return malformed;
  char32_t value = lead & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return malformed;
    value = (value << 6) | (byte(i) & 0x3F);
  }
  const char32_t smallest = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0x80;
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || value > 0x10FFFF || surrogate) return malformed;
  return {value, size, true};
}

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    if (!point.valid) return i;
    i += point.size;
  }
  return std::string_view::npos;
}

std::size_t count_code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); i += decode_utf8(text, i).size) ++count;
  return count;
}

bool is_control(char32_t code_point) noexcept {
  return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
}

std::string displayable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    if (point.value == '\t') {
      shown += ' ';
    } else if (!point.valid || is_control(point.value)) {
      shown += kReplacementBytes;
    } else {
      shown += text.substr(i, point.size);
    }
    i += point.size;
  }
  return shown;
}

std::string shortened(std::string_view text, std::size_t limit) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < limit; ++count) end += decode_utf8(text, end).size;
  return displayable(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string in_quotes(std::string_view text) { return "'" + shortened(text) + "'"; }

}  // namespace assay
