#include "assay/experiment/read_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "assay/core/utf8.h"

namespace assay {
namespace {

// from_chars takes no plus sign; YAML's numbers may have one.
std::string_view unsigned_text(const std::string& text) {
  return text.starts_with('+') ? std::string_view(text).substr(1) : std::string_view(text);
}

std::string ambiguity(const ConfigNode& node) {
  const std::string& text = node.text();
  const auto one_of = [&](std::initializer_list<std::string_view> words) {
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return std::ranges::find(words, lower) != words.end();
  };
  if (one_of({"true", "false"})) return "write it in lower case";
  if (one_of({"yes", "on", "y"})) return "write true";
  if (one_of({"no", "off", "n"})) return "write false";
  if (text.find('_') != std::string::npos) return "write it without '_'";
  if (text.size() > 1 && text[0] == '0') return "write it without the leading zero, in decimal";
  return "";
}

bool expect(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what, bool fits,
            std::string_view wanted) {
  if (fits) return true;
  report(diagnostics, node, fmt::format("{} must be {}, not {}", what, wanted, describe(node)),
         fmt::format("{} expected", wanted), node.is_scalar() && !node.quoted() ? ambiguity(node) : "");
  return false;
}

std::string range_text(double minimum, double maximum) {
  if (minimum <= -1e308) return fmt::format("at most {}", maximum);
  if (maximum >= 1e308) return fmt::format("at least {}", minimum);
  return fmt::format("from {} to {}", minimum, maximum);
}

bool is_number(const ConfigNode& node) {
  return node.is_scalar() &&
         (node.scalar_type() == ScalarType::integer || node.scalar_type() == ScalarType::number);
}

struct Extents {
  std::array<std::int64_t, Shape::kMaxRank> values{};
  std::size_t size = 0;
  std::int64_t operator[](std::size_t depth) const { return values[depth]; }
  void push_back(std::int64_t extent) { values[size++] = extent; }
};

// Walks nested lists: lengths per depth go to `extents`, numbers to `values`.
bool collect(const ConfigNode& node, std::size_t depth, Extents& extents, bool first,
             std::vector<double>& values, Diagnostics& diagnostics, std::string_view what) {
  if (!node.is_sequence()) {
    if (depth < extents.size) {
      report(diagnostics, node, fmt::format("{} mixes numbers and lists at one depth", what),
             "a list is expected here");
      return false;
    }
    const auto number = read_number(node, diagnostics, what);
    if (number) values.push_back(*number);
    return number.has_value();
  }
  const auto length = static_cast<std::int64_t>(node.items().size());
  if (depth == extents.size) {
    if (!first) {
      report(diagnostics, node, fmt::format("{} mixes numbers and lists at one depth", what),
             "a number is expected here");
      return false;
    }
    if (depth == static_cast<std::size_t>(Shape::kMaxRank)) {
      report(diagnostics, node, fmt::format("{} is nested deeper than {} lists", what, Shape::kMaxRank));
      return false;
    }
    extents.push_back(length);
  } else if (extents[depth] != length) {
    report(diagnostics, node,
           fmt::format("{} has lists of {} and of {} elements side by side", what, extents[depth], length),
           fmt::format("{} elements, not {}", length, extents[depth]));
    return false;
  }
  for (std::size_t i = 0; i < node.items().size(); ++i) {
    if (!collect(node.items()[i], depth + 1, extents, first && i == 0, values, diagnostics, what))
      return false;
  }
  return true;
}

}  // namespace

void report(Diagnostics& diagnostics, const ConfigNode& node, std::string message, std::string label,
            std::string help) {
  Diagnostic diagnostic;
  diagnostic.message = std::move(message);
  diagnostic.where = node.where();
  diagnostic.label = std::move(label);
  if (!help.empty()) diagnostic.help.push_back(std::move(help));
  diagnostics.add(std::move(diagnostic));
}

std::optional<bool> read_boolean(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what) {
  const bool fits = node.is_scalar() && node.scalar_type() == ScalarType::boolean;
  if (!expect(node, diagnostics, what, fits, "true or false")) return std::nullopt;
  return node.text() == "true";
}

std::optional<std::int64_t> read_integer(const ConfigNode& node, Diagnostics& diagnostics,
                                         std::string_view what, std::int64_t minimum, std::int64_t maximum) {
  const bool fits = node.is_scalar() && node.scalar_type() == ScalarType::integer;
  if (!expect(node, diagnostics, what, fits, "an integer")) return std::nullopt;
  const std::string_view text = unsigned_text(node.text());
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || value < minimum || value > maximum) {
    const bool open =
        maximum == std::numeric_limits<std::int64_t>::max() && text.starts_with('-') == (minimum >= 0);
    const std::string range =
        open ? fmt::format("at least {}", minimum) : fmt::format("from {} to {}", minimum, maximum);
    report(diagnostics, node, fmt::format("{} is {}, but must be {}", what, shortened(node.text()), range),
           "out of range");
    return std::nullopt;
  }
  return value;
}

std::optional<double> read_number(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what,
                                  double minimum, double maximum) {
  if (!expect(node, diagnostics, what, is_number(node), "a number")) return std::nullopt;
  const std::string_view text = unsigned_text(node.text());
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    report(diagnostics, node,
           fmt::format("{} is {}, which no 64-bit number can hold", what, shortened(node.text())),
           "out of range");
    return std::nullopt;
  }
  if (!(value >= minimum && value <= maximum)) {
    report(diagnostics, node,
           fmt::format("{} is {}, but must be {}", what, value, range_text(minimum, maximum)),
           "out of range");
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> read_text(const ConfigNode& node, Diagnostics& diagnostics,
                                     std::string_view what) {
  const bool fits = node.is_scalar() && !node.is_null();
  if (!expect(node, diagnostics, what, fits, "text")) return std::nullopt;
  return node.text();
}

std::optional<std::string> read_folder_name(const ConfigNode& node, Diagnostics& diagnostics,
                                            std::string_view owner) {
  auto name = read_text(node, diagnostics, "'name'");
  if (!name) return std::nullopt;
  const bool good = !name->empty() && name->size() <= 100 && name->front() != '.' && name->front() != '-' &&
                    std::ranges::all_of(*name, [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                    });
  if (good) return name;
  report(diagnostics, node, fmt::format("{} is no name for {}", in_quotes(*name), owner),
         "letters, digits, '-', '_' and '.' (it names a folder)");
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> read_integers(const ConfigNode& node, Diagnostics& diagnostics,
                                                       std::string_view what, std::int64_t minimum,
                                                       std::int64_t maximum) {
  if (!expect(node, diagnostics, what, node.is_sequence(), "a list of integers")) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const ConfigNode& item : node.items()) {
    const auto value = read_integer(item, diagnostics, what, minimum, maximum);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<std::vector<std::string>> read_texts(const ConfigNode& node, Diagnostics& diagnostics,
                                                   std::string_view what) {
  if (node.is_scalar()) {
    const auto one = read_text(node, diagnostics, what);
    if (!one) return std::nullopt;
    return std::vector<std::string>{*one};
  }
  if (!expect(node, diagnostics, what, node.is_sequence(), "a text or a list of texts")) return std::nullopt;
  std::vector<std::string> values;
  for (const ConfigNode& item : node.items()) {
    const auto value = read_text(item, diagnostics, what);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<Array> read_array(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what) {
  Extents extents;
  Array array;
  if (!collect(node, 0, extents, true, array.values, diagnostics, what)) return std::nullopt;
  array.shape = Shape(std::span<const std::int64_t>(extents.values.data(), extents.size));
  return array;
}

std::optional<FieldValue> read_field(const ConfigNode& node, const FieldDef& field,
                                     Diagnostics& diagnostics) {
  const std::string what = "'" + field.name + "'";
  const auto wrap = [](auto value) -> std::optional<FieldValue> {
    if (!value) return std::nullopt;
    return FieldValue(std::move(*value));
  };
  const auto least = field.minimum <= -9e18 ? std::numeric_limits<std::int64_t>::min()
                                            : static_cast<std::int64_t>(std::ceil(field.minimum));
  const auto most = field.maximum >= 9e18 ? std::numeric_limits<std::int64_t>::max()
                                          : static_cast<std::int64_t>(std::floor(field.maximum));
  switch (field.kind) {
    case FieldKind::boolean:
      return wrap(read_boolean(node, diagnostics, what));
    case FieldKind::integer:
      return wrap(read_integer(node, diagnostics, what, least, most));
    case FieldKind::number:
      return wrap(read_number(node, diagnostics, what, field.minimum, field.maximum));
    case FieldKind::text:
      return wrap(read_text(node, diagnostics, what));
    case FieldKind::texts:
      return wrap(read_texts(node, diagnostics, what));
    case FieldKind::integers:
      return wrap(read_integers(node, diagnostics, what, least, most));
    case FieldKind::array:
      return wrap(read_array(node, diagnostics, what));
    case FieldKind::choice: {
      const auto name = read_text(node, diagnostics, what);
      if (!name) return std::nullopt;
      if (std::ranges::find(field.choices, *name) == field.choices.end()) {
        report(diagnostics, node, fmt::format("unknown {} {}", field.name, in_quotes(*name)), "not a choice",
               suggestion("choice", *name, field.choices));
        return std::nullopt;
      }
      return FieldValue(*name);
    }
    case FieldKind::numbers: {
      if (!expect(node, diagnostics, what, node.is_sequence(), "a list of numbers")) return std::nullopt;
      std::vector<double> values;
      for (const ConfigNode& item : node.items()) {
        const auto value = read_number(item, diagnostics, what, field.minimum, field.maximum);
        if (!value) return std::nullopt;
        values.push_back(*value);
      }
      return FieldValue(std::move(values));
    }
    case FieldKind::pair: {
      if (node.is_scalar()) {
        const auto one = read_integer(node, diagnostics, what, least, most);
        if (!one) return std::nullopt;
        return FieldValue(std::vector<std::int64_t>{*one, *one});
      }
      if (!expect(node, diagnostics, what, node.is_sequence() && node.items().size() == 2,
                  "one integer or [height, width]")) {
        return std::nullopt;
      }
      return wrap(read_integers(node, diagnostics, what, least, most));
    }
    case FieldKind::padding: {
      if (node.is_scalar() && (node.text() == "valid" || node.text() == "same"))
        return FieldValue(node.text());
      constexpr std::string_view kWanted =
          "valid, same, one integer, [height, width] or [top, bottom, left, right]";
      const bool one = node.is_scalar() && node.scalar_type() == ScalarType::integer;
      const bool list = node.is_sequence() && (node.items().size() == 2 || node.items().size() == 4);
      if (!expect(node, diagnostics, what, one || list, kWanted)) return std::nullopt;
      if (one) {
        const auto all = read_integer(node, diagnostics, what, 0, most);
        if (!all) return std::nullopt;
        return FieldValue(std::vector<std::int64_t>(4, *all));
      }
      auto sides = read_integers(node, diagnostics, what, 0, most);
      if (!sides) return std::nullopt;
      if (sides->size() == 2) sides = {{(*sides)[0], (*sides)[0], (*sides)[1], (*sides)[1]}};
      return FieldValue(std::move(*sides));
    }
  }
  return std::nullopt;
}

ConfigNode in_full(const ConfigNode& node) {
  if (!node.is_scalar() || node.is_null()) return node;
  ConfigNode map = ConfigNode::map();
  map.set_place(node.source(), node.source_begin(), node.source_end());
  map.set("type", node);
  return map;
}

MapReader::MapReader(const ConfigNode& node, Diagnostics& diagnostics, std::string subject)
    : node_(node), diagnostics_(diagnostics), subject_(std::move(subject)) {
  expect(node_, diagnostics_, subject_, node_.is_map(), "a map of keys and values");
}

const ConfigNode* MapReader::optional(std::string_view key) {
  known_.emplace_back(key);
  return node_.find(key);
}

const ConfigNode* MapReader::required(std::string_view key) {
  const ConfigNode* value = optional(key);
  if (value == nullptr && node_.is_map()) {
    report(diagnostics_, node_, fmt::format("{} lacks the key '{}'", subject_, key),
           fmt::format("'{}' is missing", key));
  }
  return value;
}

std::optional<Fields> MapReader::fields(std::span<const FieldDef> defs) {
  Fields fields;
  bool complete = true;
  for (const FieldDef& def : defs) {
    const ConfigNode* value = def.required ? required(def.name) : optional(def.name);
    if (value == nullptr) {
      complete = complete && !def.required;
      if (!def.required && !def.optional) fields.set(def.name, def.fallback);
      continue;
    }
    if (auto typed = read_field(*value, def, diagnostics_)) {
      fields.set(def.name, std::move(*typed));
    } else {
      complete = false;
    }
  }
  if (!complete) return std::nullopt;
  return fields;
}

void MapReader::finish() {
  for (const ConfigNode::Entry& entry : node_.entries()) {
    const std::string& key = entry.key.text();
    if (std::ranges::find(known_, key) != known_.end()) continue;
    Diagnostic diagnostic;
    diagnostic.message = fmt::format("unknown key {} in {}", in_quotes(key), subject_);
    diagnostic.where = entry.key.where();
    const auto quote = subject_.find('\'');
    diagnostic.label =
        quote == std::string::npos ? "unknown key" : "not a parameter of " + subject_.substr(quote);
    if (const std::string near = nearest_name(key, known_); !near.empty()) {
      diagnostic.help.push_back(fmt::format("a similar key exists: '{}'", near));
    }
    diagnostic.notes.push_back(fmt::format(
        "parameters of {}: {}",
        quote == std::string::npos ? subject_ : subject_.substr(quote + 1, subject_.rfind('\'') - quote - 1),
        join(known_)));
    diagnostics_.add(std::move(diagnostic));
  }
}

}  // namespace assay
