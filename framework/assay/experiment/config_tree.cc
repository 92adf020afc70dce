#include "assay/experiment/config_tree.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "assay/core/utf8.h"
#include "assay/experiment/source_text.h"

namespace assay {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the front of `text` away and returns how many there were.
std::size_t take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count;
}

// A literal that other readers of YAML accept: with underscores, or in base 2, 8 or 16.
bool is_foreign_number(std::string_view digits) {
  if (digits.empty() || !is_digit(digits.front())) return false;
  const std::string_view prefix = digits.substr(0, 2);
  if (prefix == "0x" || prefix == "0o" || prefix == "0b" || prefix == "0X") {
    digits.remove_prefix(2);
    const auto is_hex = [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '_';
    };
    return !digits.empty() && std::ranges::all_of(digits, is_hex);
  }
  const auto is_grouped = [](char c) { return is_digit(c) || c == '_' || c == '.'; };
  return digits.find('_') != std::string_view::npos && std::ranges::all_of(digits, is_grouped);
}

bool is_ambiguous_word(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kWords{"True", "TRUE", "False", "FALSE", "Null", "NULL"};
  static constexpr std::array<std::string_view, 6> kSpecial{".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
  if (std::ranges::find(kWords, text) != kWords.end()) return true;
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return std::ranges::find(kSpecial, text) != kSpecial.end();
}

std::string step_to(const ConfigNode& sequence, std::size_t index) {
  const auto name_of = [&](std::size_t i) { return sequence.items()[i].find("name"); };
  const ConfigNode* name = name_of(index);
  const bool usable = name != nullptr && name->is_scalar() && !name->text().empty() &&
                      !std::ranges::all_of(name->text(), is_digit) &&
                      name->text().find(']') == std::string::npos;
  bool first = usable;
  for (std::size_t i = 0; first && i < index; ++i) {
    const ConfigNode* other = name_of(i);
    first = other == nullptr || !other->is_scalar() || other->text() != name->text();
  }
  return "[" + (first ? name->text() : std::to_string(index)) + "]";
}

// Appends the path from `from` to `node`; false where `node` is not below `from`.
bool find_path(const ConfigNode& from, const ConfigNode& node, std::string& path) {
  if (&from == &node) return true;
  const std::size_t length = path.size();
  for (const auto& [key, value] : from.entries()) {
    path += (path.empty() ? "" : ".") + key.text();
    if (find_path(value, node, path)) return true;
    path.resize(length);
  }
  for (std::size_t i = 0; i < from.items().size(); ++i) {
    // The name of an element is looked for only once it is known to lead to the node.
    if (std::string rest; find_path(from.items()[i], node, rest)) {
      path += step_to(from, i) + (rest.empty() || rest.front() == '[' ? "" : ".") + rest;
      return true;
    }
  }
  return false;
}

}  // namespace

ScalarType scalar_type(std::string_view text, bool quoted) noexcept {
  if (quoted || text.empty()) return ScalarType::text;
  if (text == "~" || text == "null") return ScalarType::null;
  if (text == "true" || text == "false") return ScalarType::boolean;
  if (is_ambiguous_word(text)) return ScalarType::ambiguous;

  std::string_view rest = text;
  if (rest.front() == '+' || rest.front() == '-') rest.remove_prefix(1);
  if (is_foreign_number(rest)) return ScalarType::ambiguous;
  const bool leading_zero = rest.size() > 1 && rest[0] == '0' && is_digit(rest[1]);
  const std::size_t whole = take_digits(rest);
  std::size_t fraction = 0;
  const bool point = rest.starts_with('.');
  if (point) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
  }
  if (whole + fraction == 0) return ScalarType::text;
  const bool exponent = rest.starts_with('e') || rest.starts_with('E');
  if (exponent) {
    rest.remove_prefix(1);
    if (rest.starts_with('+') || rest.starts_with('-')) rest.remove_prefix(1);
    if (take_digits(rest) == 0) return ScalarType::text;
  }
  if (!rest.empty()) return ScalarType::text;
  if (leading_zero) return ScalarType::ambiguous;
  return point || exponent ? ScalarType::number : ScalarType::integer;
}

ConfigNode::ConfigNode() : text_("null") {}
ConfigNode::ConfigNode(const ConfigNode&) = default;
ConfigNode::ConfigNode(ConfigNode&&) noexcept = default;
ConfigNode& ConfigNode::operator=(const ConfigNode&) = default;
ConfigNode& ConfigNode::operator=(ConfigNode&&) noexcept = default;
ConfigNode::~ConfigNode() = default;

ConfigNode ConfigNode::scalar(std::string text, bool quoted) {
  ConfigNode node;
  node.text_ = std::move(text);
  node.quoted_ = quoted;
  return node;
}

ConfigNode ConfigNode::sequence(std::vector<ConfigNode> items) {
  ConfigNode node = scalar("", false);
  node.kind_ = ConfigKind::sequence;
  node.items_ = std::move(items);
  return node;
}

ConfigNode ConfigNode::map() {
  ConfigNode node = scalar("", false);
  node.kind_ = ConfigKind::map;
  return node;
}

ConfigNode ConfigNode::boolean(bool value) { return scalar(value ? "true" : "false", false); }
ConfigNode ConfigNode::integer(std::int64_t value) { return scalar(std::to_string(value), false); }

ConfigNode ConfigNode::number(double value) {
  if (!std::isfinite(value)) throw Error("infinity and NaN cannot stand in an experiment file");
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return scalar(std::string(buffer.data(), end), false);
}

ConfigNode ConfigNode::text(std::string value) { return scalar(std::move(value), true); }

void ConfigNode::push_back(ConfigNode item) { items_.push_back(std::move(item)); }

std::span<const ConfigNode::Entry> ConfigNode::entries() const noexcept { return entries_; }
std::span<ConfigNode::Entry> ConfigNode::entries() noexcept { return entries_; }

const ConfigNode* ConfigNode::find(std::string_view key) const noexcept {
  for (const Entry& entry : entries_) {
    if (entry.key.text() == key) return &entry.value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) noexcept {
  return const_cast<ConfigNode*>(std::as_const(*this).find(key));
}

ConfigNode& ConfigNode::set(std::string_view key, ConfigNode value) {
  if (ConfigNode* old = find(key)) return *old = std::move(value);
  return append(text(std::string(key)), std::move(value));
}

ConfigNode& ConfigNode::append(ConfigNode key, ConfigNode value) {
  return entries_.emplace_back(Entry{std::move(key), std::move(value)}).value;
}

bool ConfigNode::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.key.text() == key; }) > 0;
}

std::optional<SourceRange> ConfigNode::where() const {
  if (source_ == nullptr) return std::nullopt;
  return source_->range(begin_, end_);
}

void ConfigNode::set_place(std::shared_ptr<const SourceText> source, std::size_t begin, std::size_t end) {
  source_ = std::move(source);
  begin_ = begin;
  end_ = end;
}

bool operator==(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case ConfigKind::scalar:
      return a.scalar_type() == b.scalar_type() && (a.is_null() || a.text_ == b.text_);
    case ConfigKind::sequence:
      return a.items_ == b.items_;
    case ConfigKind::map:
      return std::ranges::equal(a.entries_, b.entries_, [](const auto& x, const auto& y) {
        return x.key.text() == y.key.text() && x.value == y.value;
      });
  }
  return false;
}

std::string describe(const ConfigNode& node) {
  if (node.is_sequence()) return "a list";
  if (node.is_map()) return "a map";
  switch (node.scalar_type()) {
    case ScalarType::null:
      return "null";
    case ScalarType::boolean:
      return node.text();
    case ScalarType::integer:
      return "the integer " + shortened(node.text());
    case ScalarType::number:
      return "the number " + shortened(node.text());
    case ScalarType::text:
      return "the text " + in_quotes(node.text());
    case ScalarType::ambiguous:
      return in_quotes(node.text());
  }
  return "";
}

std::string path_of(const ConfigNode& root, const ConfigNode& node) {
  std::string path;
  find_path(root, node, path);
  return path;
}

std::size_t depth_of(const ConfigNode& node) {
  std::size_t deepest = 0;
  for (const auto& [key, value] : node.entries()) deepest = std::max(deepest, depth_of(value));
  for (const ConfigNode& item : node.items()) deepest = std::max(deepest, depth_of(item));
  return node.is_scalar() ? 0 : deepest + 1;
}

std::filesystem::path resolve_path(const ConfigNode& node) {
  const std::filesystem::path path(node.text());
  if (path.is_absolute() || node.source() == nullptr) return path.lexically_normal();
  return (node.source()->folder() / path).lexically_normal();
}

}  // namespace assay
