#include "assay/experiment/flat_config.h"

#include <algorithm>
#include <charconv>

#include "assay/data/file.h"

namespace assay {
namespace {

std::string canonical_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Integers beyond 2^53, such as seeds, are compared by their digits.
  const bool exact = scalar_type(text, false) == ScalarType::number || std::abs(value) <= 0x1p53;
  if (failure != std::errc() || end != text.data() + text.size() || !exact) return std::string(text);
  return ConfigNode::number(value).text();
}

std::string canonical(const ConfigNode& node) {
  if (node.is_sequence()) {
    std::string text;
    for (const ConfigNode& item : node.items()) text += (text.empty() ? "" : ", ") + canonical(item);
    return "[" + text + "]";
  }
  if (node.is_map()) return "{}";
  switch (node.scalar_type()) {
    case ScalarType::null:
      return "null";
    case ScalarType::integer:
    case ScalarType::number:
      return canonical_number(node.text());
    case ScalarType::text: {
      const bool plain = scalar_type(node.text(), false) == ScalarType::text && !node.text().empty();
      return plain ? node.text() : "'" + node.text() + "'";
    }
    default:
      return node.text();
  }
}

bool holds_maps(const ConfigNode& node) {
  return std::ranges::any_of(node.items(), [](const ConfigNode& item) {
    return (item.is_map() && !item.entries().empty()) || holds_maps(item);
  });
}

void flatten(const ConfigNode& node, const std::string& key, FlatConfig& flat) {
  if (node.is_map() && !node.entries().empty()) {
    for (const ConfigNode::Entry& entry : node.entries())
      flatten(entry.value, key + (key.empty() ? "" : ".") + entry.key.text(), flat);
  } else if (holds_maps(node)) {
    for (std::size_t i = 0; i < node.items().size(); ++i) {
      const ConfigNode* name = node.items()[i].find("name");
      std::string element = key + "[" + std::to_string(i) + "]";
      if (name != nullptr && name->is_scalar()) element = key + "[" + name->text() + "]";
      flatten(node.items()[i], element, flat);
    }
  } else {
    flat[key] = canonical(node);
  }
}

}  // namespace

FlatConfig flattened(const ConfigNode& root) {
  FlatConfig flat;
  flatten(root, "", flat);
  return flat;
}

std::vector<Difference> differences(const FlatConfig& left, const FlatConfig& right) {
  std::vector<Difference> all;
  const auto value_in = [](const FlatConfig& config, const std::string& key) {
    const auto found = config.find(key);
    return found == config.end() ? std::optional<std::string>() : found->second;
  };
  FlatConfig keys = left;
  keys.insert(right.begin(), right.end());
  for (const auto& [key, value] : keys) {
    Difference difference{key, value_in(left, key), value_in(right, key)};
    if (difference.left != difference.right) all.push_back(std::move(difference));
  }
  return all;
}

std::string identity_of(const FlatConfig& config) {
  file::ContentHash hash;
  for (const auto& [key, value] : config) {
    // Lengths first, so that no two lists of settings run together into the same bytes.
    const std::string text =
        std::to_string(key.size()) + " " + std::to_string(value.size()) + "\n" + key + value;
    hash.add(std::as_bytes(std::span(text)));
  }
  return hash.text();
}

}  // namespace assay
