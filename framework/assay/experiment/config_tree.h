// ConfigNode: the tree of an experiment file before it has types: scalars as they were written, sequences,
// ordered maps, each with its place in the file. No schema and no YAML library: yaml_parser.h makes trees,
// emit_yaml.h writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"

namespace assay {

class SourceText;

enum class ConfigKind : std::uint8_t { scalar, sequence, map };

/// What a scalar is by how it is written; no schema has a say in it.
///   null       ~ or null
///   boolean    true or false
///   integer    [+-]digits without a leading zero; its size is not limited here
///   number     a decimal number with a point, an exponent or both: 0.1, .5, 5., 1e-4
///   text       everything in quotes, and what is none of the others
///   ambiguous  what other readers of YAML take for a number, a boolean or null: 010, 1_000, 0x1F, .inf,
///   True, NULL;
///              reading it as anything is an error that says what to write
enum class ScalarType : std::uint8_t { null, boolean, integer, number, text, ambiguous };

/// The type of a scalar that is written as `text`.
ScalarType scalar_type(std::string_view text, bool quoted) noexcept;

/// A value: copying copies the subtree, moving is cheap, and a copy keeps the places.
class ConfigNode {
 public:
  struct Entry;

  /// The deepest nesting of sequences and maps that is read, made by overrides, or written.
  static constexpr std::size_t kMaxDepth = 64;

  /// A null without a place.
  ConfigNode();
  ConfigNode(const ConfigNode&);
  ConfigNode(ConfigNode&&) noexcept;
  ConfigNode& operator=(const ConfigNode&);
  ConfigNode& operator=(ConfigNode&&) noexcept;
  ~ConfigNode();

  static ConfigNode scalar(std::string text, bool quoted);
  static ConfigNode sequence(std::vector<ConfigNode> items = {});
  static ConfigNode map();
  static ConfigNode boolean(bool value);
  static ConfigNode integer(std::int64_t value);
  /// Shortest text that reads back the same. Throws Error for NaN and infinities.
  static ConfigNode number(double value);
  static ConfigNode text(std::string value);

  ConfigKind kind() const noexcept { return kind_; }
  bool is_scalar() const noexcept { return kind_ == ConfigKind::scalar; }
  bool is_sequence() const noexcept { return kind_ == ConfigKind::sequence; }
  bool is_map() const noexcept { return kind_ == ConfigKind::map; }
  bool is_null() const noexcept { return is_scalar() && scalar_type() == ScalarType::null; }

  /// Of a scalar: its text, after escapes and folding. REQUIRES: is_scalar().
  const std::string& text() const noexcept { return text_; }
  /// Of a scalar: whether it was in quotes, or a block of text (| or >).
  bool quoted() const noexcept { return quoted_; }
  ScalarType scalar_type() const noexcept { return assay::scalar_type(text_, quoted_); }

  /// Of a sequence: its elements. Empty for the other kinds.
  std::span<const ConfigNode> items() const noexcept { return items_; }
  std::span<ConfigNode> items() noexcept { return items_; }
  /// REQUIRES: is_sequence().
  void push_back(ConfigNode item);

  /// Of a map: its entries, in the order of the file. Empty for the other kinds.
  std::span<const Entry> entries() const noexcept;
  std::span<Entry> entries() noexcept;
  /// The value of that key, or null where there is none or this is not a map.
  const ConfigNode* find(std::string_view key) const noexcept;
  ConfigNode* find(std::string_view key) noexcept;
  /// Replaces the value of that key, or appends the entry. Returns the value. REQUIRES: is_map().
  ConfigNode& set(std::string_view key, ConfigNode value);
  /// Appends an entry. REQUIRES: is_map(), key is a scalar, and the map has no such key.
  ConfigNode& append(ConfigNode key, ConfigNode value);
  /// Whether there was such a key.
  bool erase(std::string_view key);

  /// Where the node stands, or nothing for a node that was made by a program. A block map shows its first
  /// key.
  std::optional<SourceRange> where() const;
  /// The text that the node was read from, or null.
  const std::shared_ptr<const SourceText>& source() const noexcept { return source_; }
  std::size_t source_begin() const noexcept { return begin_; }
  std::size_t source_end() const noexcept { return end_; }
  void set_place(std::shared_ptr<const SourceText> source, std::size_t begin, std::size_t end);

  /// The same value: kinds, types and texts of scalars, keys and their order. Places, quotes around text and
  /// the spelling of null do not count.
  friend bool operator==(const ConfigNode& a, const ConfigNode& b);

 private:
  ConfigKind kind_ = ConfigKind::scalar;
  bool quoted_ = false;
  std::string text_;
  std::vector<ConfigNode> items_;
  std::vector<Entry> entries_;
  std::shared_ptr<const SourceText> source_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct ConfigNode::Entry {
  ConfigNode key;  ///< a scalar
  ConfigNode value;
};

/// What a message calls the node: "the text 'abc'", "the number 1.5", "null", "a list", "a map".
std::string describe(const ConfigNode& node);

/// "model.layers[conv1].filters": how apply_override would reach `node`, an object within the tree under
/// `root`. Elements are called by their `name` where it is the first of that name, otherwise by index. "" for
/// the root and for strangers.
std::string path_of(const ConfigNode& root, const ConfigNode& node);

/// How many sequences and maps are nested: 0 for a scalar, 1 for [] and {}.
std::size_t depth_of(const ConfigNode& node);

/// The path that the scalar's text names, relative paths taken from the folder of the file in which the node
/// stands.
std::filesystem::path resolve_path(const ConfigNode& node);

}  // namespace assay
