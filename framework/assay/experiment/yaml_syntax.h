// The words for what is wrong with a YAML text. Internal to the parser: no YAML library in this header, its
// messages come as strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/diagnostics.h"
#include "assay/experiment/source_text.h"

namespace assay::yaml_syntax {

/// A diagnostic at bytes [begin, end) of the source.
Diagnostic at(const SourceText& source, std::size_t begin, std::size_t end, std::string message,
              std::string label, std::vector<std::string> help = {});

/// Characters that no strict file contains: malformed UTF-8 (then nothing else is reported), controls, lone
/// returns.
void check_characters(const SourceText& source, std::size_t begin, Diagnostics& diagnostics);

/// The anchor (&name), alias (*name) or tag (!name) at `offset`.
Diagnostic property(const SourceText& source, std::size_t offset);
Diagnostic directive(const SourceText& source, std::size_t offset);
Diagnostic tab_indentation(const SourceText& source, std::size_t offset);
Diagnostic unclosed_quote(const SourceText& source, std::size_t offset);

/// What a parser error means. `message` and `offset` are the library's, `open_bracket` is the innermost '['
/// or '{' that is still open (npos: none), and what stands before `read_until` was understood.
Diagnostic explain(const SourceText& source, std::string_view message, std::size_t offset,
                   std::size_t open_bracket, std::size_t read_until);

/// The text from `begin` on, in which the brackets of plain keys such as model.layers[hidden].units are
/// replaced by characters that no text contains: the library would take them for lists where the key stands
/// in a map in braces. Every byte keeps its place.
std::string with_brackets_hidden(std::string_view text, std::size_t begin);

/// Undoes it in a text that was not in quotes.
std::string with_brackets_shown(std::string text);

/// Whether only blanks and tabs stand before `offset` on its line, one of them a tab.
bool is_indented_by_tab(const SourceText& source, std::size_t offset);

bool is_blank(char c) noexcept;  ///< space, tab, or line break

/// From `offset` past blanks, line breaks and comments.
std::size_t skip_blank(std::string_view text, std::size_t offset) noexcept;

/// The end of the name behind the indicator (&, *, !) at `offset`.
std::size_t property_end(std::string_view text, std::size_t offset) noexcept;

/// One past the quote that closes the one at `offset`, or npos.
std::size_t quoted_end(std::string_view text, std::size_t offset) noexcept;

}  // namespace assay::yaml_syntax
