#include "assay/experiment/emit_yaml.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/utf8.h"

namespace assay {
namespace {

constexpr std::size_t kLineLength = 110;

// What is not seen, or read as the end of a line or the mark that a file begins with.
bool is_escaped(char32_t value) {
  return is_control(value) || value == 0x2028 || value == 0x2029 || value == 0xFEFF;
}

bool holds_escaped(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    if (is_escaped(point.value)) return true;
    i += point.size;
  }
  return false;
}

// Whether text stands for itself without quotes, as a value and as a key, inside and outside of flow style.
bool plain(const std::string& text) {
  if (text.empty() || scalar_type(text, false) != ScalarType::text) return false;
  const auto letter = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '/' || c == '.' || c >= 0x80;
  };
  const auto inner = [&](unsigned char c) {
    return letter(c) || c == '-' || c == '+' || c == '=' || c == ' ' || c == '(' || c == ')';
  };
  return letter(static_cast<unsigned char>(text.front())) && text.back() != ' ' &&
         find_invalid_utf8(text) == std::string::npos && std::ranges::all_of(text, inner) && !holds_escaped(text);
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    if (text[i] == '"' || text[i] == '\\') {
      result += '\\';
      result += text[i];
    } else if (text[i] == '\n') {
      result += "\\n";
    } else if (text[i] == '\t') {
      result += "\\t";
    } else if (is_escaped(point.value)) {
      result += fmt::format("\\u{:04X}", static_cast<unsigned>(point.value));
    } else {
      result.append(text, i, point.size);
    }
    i += point.size;
  }
  return result + "\"";
}

std::string scalar(const ConfigNode& node) {
  if (node.is_null()) return "~";
  if (node.scalar_type() != ScalarType::text) return node.text();
  return plain(node.text()) ? node.text() : quoted(node.text());
}

std::string flow(const ConfigNode& node) {
  if (node.is_scalar()) return scalar(node);
  std::string text;
  for (const ConfigNode& item : node.items()) text += (text.empty() ? "" : ", ") + flow(item);
  for (const ConfigNode::Entry& entry : node.entries()) {
    text += (text.empty() ? "" : ", ") + scalar(entry.key) + ": " + flow(entry.value);
  }
  return node.is_sequence() ? "[" + text + "]" : "{" + text + "}";
}

bool leaves_only(const ConfigNode& node) {
  return std::ranges::all_of(node.items(), [](const ConfigNode& item) { return depth_of(item) <= 1; }) &&
         std::ranges::all_of(node.entries(),
                             [](const ConfigNode::Entry& entry) { return depth_of(entry.value) <= 1; });
}

bool fits_flow(const ConfigNode& node, std::size_t column) {
  if (node.items().empty() && node.entries().empty()) return true;
  if (!(leaves_only(node) || node.is_sequence())) return false;
  return column + flow(node).size() <= kLineLength;
}

void block(const ConfigNode& node, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  bool first = true;
  const auto lead = [&] {  // the first line continues the one that the caller has begun
    if (!first) out += margin;
    first = false;
  };
  for (const ConfigNode& item : node.items()) {
    lead();
    out += "- ";
    if (item.is_scalar() || fits_flow(item, indent + 2)) {
      out += flow(item) + "\n";
    } else {
      block(item, indent + 2, out);
    }
  }
  for (const ConfigNode::Entry& entry : node.entries()) {
    lead();
    const std::string key = scalar(entry.key);
    out += key + ":";
    if (entry.value.is_scalar() || fits_flow(entry.value, indent + key.size() + 2)) {
      out += " " + flow(entry.value) + "\n";
    } else {
      out += "\n" + std::string(indent + 2, ' ');
      block(entry.value, indent + 2, out);
    }
  }
}

}  // namespace

std::string emit_yaml(const ConfigNode& node) {
  if (node.is_scalar() || (node.items().empty() && node.entries().empty())) return flow(node) + "\n";
  std::string text;
  block(node, 0, text);
  return text;
}

}  // namespace assay
