#include "assay/experiment/yaml_syntax.h"

#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <array>
#include <utility>

#include "assay/core/utf8.h"

namespace assay::yaml_syntax {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
// No text that is read contains these (check_characters).
constexpr char kHiddenOpen = '\x02', kHiddenClose = '\x03';

struct Explanation {
  std::string_view beginning;  ///< how the library's message starts
  std::string_view message;
  std::string_view label;
  std::string_view help;
};

namespace msg = YAML::ErrorMsg;

constexpr std::string_view kEscapeHelp =
    "write \\\\ for a backslash, or use single quotes: in them a backslash is a backslash";
constexpr std::string_view kBlockHelp = "a block of text starts with '|' or '>' at the end of a line";

const std::array kExplanations{
    Explanation{msg::MAP_VALUE, "a ':' where no key can stand", "unexpected",
                "put text that contains ': ' in quotes, and give every key a line of its own"},
    Explanation{msg::END_OF_MAP, "this does not continue the map above it", "unexpected",
                "the keys of one map start in the same column, each as 'key: value'"},
    Explanation{msg::END_OF_SEQ, "this does not continue the list above it", "unexpected",
                "the elements of one list start with '- ' in the same column"},
    Explanation{msg::BLOCK_ENTRY, "a list cannot start here", "unexpected '-'",
                "put each '- ' on a line of its own, or write the list as [a, b]"},
    Explanation{msg::MAP_KEY, "a key cannot start here", "unexpected '?'",
                "put text that starts with '?' in quotes"},
    Explanation{msg::DOC_IN_SCALAR, "the quotes of the text above are still open",
                "a document marker in quotes", "close the quotes before this line"},
    Explanation{msg::INVALID_HEX, "an escape that is not a number", "before this", kEscapeHelp},
    Explanation{msg::INVALID_UNICODE, "an escape that is not a character", "before this", kEscapeHelp},
    Explanation{msg::INVALID_ESCAPE, "an unknown escape", "before this", kEscapeHelp},
    Explanation{msg::ZERO_INDENT_IN_BLOCK, "a block of text cannot be indented by 0", "here", kBlockHelp},
    Explanation{msg::CHAR_IN_BLOCK, "text behind the start of a block of text", "unexpected", kBlockHelp},
};

const std::array<std::string_view, 11> kPropertyMessages{
    msg::ALIAS_NOT_FOUND, msg::ANCHOR_NOT_FOUND,    msg::CHAR_IN_ALIAS,    msg::CHAR_IN_ANCHOR,
    msg::UNKNOWN_ANCHOR,  msg::CHAR_IN_TAG_HANDLE,  msg::MULTIPLE_ANCHORS, msg::TAG_WITH_NO_SUFFIX,
    msg::MULTIPLE_TAGS,   msg::END_OF_VERBATIM_TAG, msg::ALIAS_CONTENT,
};

std::size_t line_end(std::string_view text, std::size_t offset) {
  return std::min(text.find('\n', offset), text.size());
}

// Where the quote stands that a scanner at the end of the text was still in: the first that starts a value
// and never ends.
std::size_t find_open_quote(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] != '"' && text[i] != '\'') continue;
    const bool starts_value =
        i == 0 || is_blank(text[i - 1]) || std::string_view("[{,:").find(text[i - 1]) != kNone;
    if (!starts_value) continue;
    const std::size_t end = quoted_end(text, i);
    if (end == kNone) return i;
    i = end - 1;
  }
  return text.empty() ? 0 : text.size() - 1;
}

Diagnostic open_bracket_error(const SourceText& source, std::size_t offset, std::size_t bracket) {
  const std::string_view text = source.text();
  const char open = text[bracket];
  const std::string close = open == '[' ? "']'" : "'}'";
  if (skip_blank(text, offset) == text.size()) {
    return at(source, bracket, bracket + 1, std::string("this '") + open + "' is never closed", "opened here",
              {"add " + close});
  }
  Diagnostic diagnostic = at(source, offset, offset + 1, "expected ',' or " + close, "unexpected", {});
  const SourceRange opened = source.range(bracket, bracket + 1);
  diagnostic.notes.push_back(std::string("the '") + open + "' on line " + std::to_string(opened.line) +
                             ", column " + std::to_string(opened.column) + " is still open");
  return diagnostic;
}

}  // namespace

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_blank(std::string_view text, std::size_t offset) noexcept {
  while (offset < text.size()) {
    if (text[offset] == '#') {
      offset = line_end(text, offset);
    } else if (is_blank(text[offset])) {
      ++offset;
    } else {
      break;
    }
  }
  return offset;
}

std::size_t property_end(std::string_view text, std::size_t offset) noexcept {
  const std::size_t end = text.find_first_of(" \t\r\n,[]{}", offset + 1);
  return end == kNone ? text.size() : end;
}

std::size_t quoted_end(std::string_view text, std::size_t offset) noexcept {
  const char quote = text[offset];
  for (std::size_t i = offset + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
      if (!doubled) return i + 1;
      ++i;
    }
  }
  return kNone;
}

std::string with_brackets_hidden(std::string_view text, std::size_t begin) {
  std::string hidden(text.substr(begin));
  const auto in_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const char before = i == 0 ? '\n' : hidden[i - 1];
    if (hidden[i] == '#' && is_blank(before)) {
      i = line_end(hidden, i);
    } else if ((hidden[i] == '"' || hidden[i] == '\'') &&
               (is_blank(before) || std::string_view("[{,:").find(before) != std::string_view::npos)) {
      const std::size_t end = quoted_end(hidden, i);
      if (end != std::string_view::npos) i = end - 1;
    } else if (hidden[i] == '[' && (in_name(before) || before == kHiddenClose)) {
      const auto close =
          std::find_if_not(hidden.begin() + static_cast<std::ptrdiff_t>(i) + 1, hidden.end(), in_name);
      const auto length = static_cast<std::size_t>(close - hidden.begin()) - i;
      // A name in brackets, and the path goes on or its value comes.
      const bool key = length > 1 && hidden.end() - close > 1 && *close == ']' &&
                       std::string_view(".[:").find(close[1]) != std::string_view::npos;
      if (!key) continue;
      hidden[i] = kHiddenOpen;
      hidden[i + length] = kHiddenClose;
      i += length;
    }
  }
  return hidden;
}

std::string with_brackets_shown(std::string text) {
  std::ranges::replace(text, kHiddenOpen, '[');
  std::ranges::replace(text, kHiddenClose, ']');
  return text;
}

bool is_indented_by_tab(const SourceText& source, std::size_t offset) {
  const std::size_t begin = source.line_begin(offset);
  return source.text().find_first_not_of(" \t", begin) == offset &&
         source.text().substr(begin, offset - begin).find('\t') != kNone;
}

Diagnostic at(const SourceText& source, std::size_t begin, std::size_t end, std::string message,
              std::string label, std::vector<std::string> help) {
  Diagnostic diagnostic;
  diagnostic.message = std::move(message);
  diagnostic.where = source.range(begin, end);
  diagnostic.label = std::move(label);
  diagnostic.help = std::move(help);
  return diagnostic;
}

void check_characters(const SourceText& source, std::size_t begin, Diagnostics& diagnostics) {
  const std::string_view text = source.text();
  if (const std::size_t bad = find_invalid_utf8(text); bad != kNone) {
    const bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    diagnostics.add(
        at(source, bad, bad + 1, "the text is not UTF-8", "a byte that is no character",
           {utf16 ? "this looks like UTF-16: save the file as UTF-8" : "save the file as UTF-8"}));
    return;
  }
  for (std::size_t i = begin; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    const bool line_break =
        point.value == '\n' || (point.value == '\r' && text.substr(i).starts_with("\r\n"));
    if (is_control(point.value) && point.value != '\t' && !line_break) {
      diagnostics.add([&] {
        if (point.value == '\r') {
          return at(source, i, i + 1, "a carriage return that ends no line", "here",
                    {"end lines with a line feed"});
        }
        return at(source, i, i + point.size, "a control character in the text", "here",
                  {"remove it, or write it as an escape in double quotes"});
      });
    }
    i += point.size;
  }
}

Diagnostic property(const SourceText& source, std::size_t offset) {
  const std::size_t end = property_end(source.text(), offset);
  const std::string name = in_quotes(source.text().substr(offset, end - offset));
  switch (source.text()[offset]) {
    case '&':
      return at(source, offset, end, "the anchor " + name + " is not allowed", "an anchor",
                {"write values out; files share settings with 'extends: [base.yaml]'"});
    case '*':
      return at(source, offset, end, "the alias " + name + " is not allowed", "an alias",
                {"write the value out, or put text that starts with '*' in quotes"});
    default:
      return at(source, offset, end, "the tag " + name + " is not allowed", "a tag",
                {"remove it; quotes make a value text, and text that starts with '!' stands in quotes"});
  }
}

Diagnostic directive(const SourceText& source, std::size_t offset) {
  return at(source, offset, line_end(source.text(), offset), "directives are not allowed",
            "a line that starts with '%'", {"remove the line, or put text that starts with '%' in quotes"});
}

Diagnostic tab_indentation(const SourceText& source, std::size_t offset) {
  const std::size_t tab = source.text().find('\t', source.line_begin(offset));
  return at(source, tab, tab + 1, "a tab in the indentation", "a tab", {"indent with spaces"});
}

Diagnostic unclosed_quote(const SourceText& source, std::size_t offset) {
  return at(source, offset, offset + 1, "this quote is never closed", "opened here",
            {std::string("add ") + (source.text()[offset] == '"' ? "\"" : "'") + " at the end of the text"});
}

Diagnostic explain(const SourceText& source, std::string_view message, std::size_t offset,
                   std::size_t open_bracket, std::size_t read_until) {
  const std::string_view text = source.text();
  if (message.starts_with(msg::EOF_IN_SCALAR))
    return unclosed_quote(source, find_open_quote(text, read_until));
  const std::size_t first = text.find_first_not_of(" \t", source.line_begin(offset));
  if (message.starts_with(msg::TAB_IN_INDENTATION) || (first != kNone && is_indented_by_tab(source, first))) {
    return tab_indentation(source, offset);
  }
  if (std::ranges::find(kPropertyMessages, message) != kPropertyMessages.end()) {
    const std::size_t indicator = text.find_last_of("&*!", offset);
    if (indicator != kNone) return property(source, indicator);
  }
  if (offset < text.size() && text[offset] == '%' && offset == source.line_begin(offset))
    return directive(source, offset);
  if ((message.starts_with(msg::END_OF_MAP_FLOW) || message.starts_with(msg::END_OF_SEQ_FLOW)) &&
      open_bracket != kNone) {
    return open_bracket_error(source, offset, open_bracket);
  }
  const std::string character =
      in_quotes(offset < text.size() ? text.substr(offset, decode_utf8(text, offset).size) : "");
  if (message.starts_with(msg::FLOW_END)) {
    return at(source, offset, offset + 1, "unexpected " + character, "closes nothing",
              {"'[' is closed by ']', and '{' by '}'"});
  }
  if (message.starts_with(msg::UNKNOWN_TOKEN)) {
    return at(source, offset, offset + 1, "text cannot start with " + character, "unexpected",
              {"put the text in quotes"});
  }
  const std::size_t line = source.line_begin(offset);
  if (message.starts_with(msg::END_OF_MAP) && read_until > line && read_until < offset) {
    return at(source, offset, offset + 1, "this cannot follow the value before it", "unexpected",
              {"put the whole text in quotes, or the next key on a line of its own"});
  }
  if (message.starts_with(msg::MAP_VALUE) && text.substr(line, offset - line).find(':') == kNone) {
    return at(source, offset, offset + 1, "a ':' where no key can stand", "unexpected",
              {"the line above goes on here: is a space missing behind its ':', or is this line indented too "
               "far?"});
  }
  for (const Explanation& known : kExplanations) {
    if (!message.starts_with(known.beginning)) continue;
    return at(source, offset, offset + 1, std::string(known.message), std::string(known.label),
              {std::string(known.help)});
  }
  return at(source, offset, offset + 1, "this is not YAML: " + displayable(message), "here");
}

}  // namespace assay::yaml_syntax
