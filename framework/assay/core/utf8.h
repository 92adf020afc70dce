// UTF-8 (RFC 3629): decoding, counting, and showing text from a file in a message. No normalisation, no
// display widths.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay {

struct CodePoint {
  char32_t value = 0;    ///< U+FFFD where `valid` is false
  std::size_t size = 1;  ///< bytes; 1 where `valid` is false
  bool valid = false;    ///< false for a stray byte, an overlong form, a surrogate, or a value above U+10FFFF
};

/// The code point that starts at text[offset]. REQUIRES: offset < text.size().
CodePoint decode_utf8(std::string_view text, std::size_t offset) noexcept;

/// The offset of the first byte that is not UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text) noexcept;

/// Code points; every malformed byte counts as one.
std::size_t count_code_points(std::string_view text) noexcept;

/// C0 and C1 controls and DEL: what a terminal would obey instead of print.
bool is_control(char32_t code_point) noexcept;

/// As many code points as `text`, safe to print on one line: a tab is a space; other controls and malformed
/// bytes are U+FFFD.
std::string displayable(std::string_view text);

/// displayable, cut to `limit` code points and "…".
std::string shortened(std::string_view text, std::size_t limit = 60);

/// 'text' for a message: shortened, in single quotes.
std::string in_quotes(std::string_view text);

}  // namespace assay
