// Fields: the typed, named settings of an op, a layer, a loss, an optimizer or a data source, and FieldDef:
// what may be set. One description serves parsing, printing, `assay list`, hashing and reproduction.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "assay/core/shape.h"

namespace assay {

/// Numbers under a shape, row-major: what nested lists in a file say.
struct Array {
  Shape shape;
  std::vector<double> values;
  friend bool operator==(const Array&, const Array&) = default;
};

using FieldValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                                std::vector<double>, std::vector<std::string>, Array>;

enum class FieldKind : std::uint8_t {
  boolean,   ///< bool
  integer,   ///< std::int64_t
  number,    ///< double
  text,      ///< std::string
  choice,    ///< std::string, one of FieldDef::choices
  integers,  ///< std::vector<std::int64_t>
  numbers,   ///< std::vector<double>
  pair,      ///< std::vector<std::int64_t> {height, width}; a file may give one number for both
  padding,   ///< std::string "valid" or "same", or std::vector<std::int64_t> {top, bottom, left, right}; a
             ///< file may give one number for all four sides or [height, width]
  texts,     ///< std::vector<std::string>; a file may give one text for a list of one
  array,     ///< Array; a file gives nested lists of equal lengths
};

struct FieldDef {
  std::string name;
  FieldKind kind = FieldKind::number;
  std::string summary{};
  FieldValue fallback{};  ///< the default; ignored where `required` or `optional`
  bool required = false;
  bool optional = false;  ///< may be left out and is absent then; the summary says what that means
  std::vector<std::string> choices{};
  double minimum = -1e308;  ///< smallest legal number or integer (each element, for lists)
  double maximum = 1e308;   ///< largest legal number or integer
};

/// A number with a default.
FieldDef number_field(std::string name, std::string summary, double fallback, double minimum = -1e308,
                      double maximum = 1e308);
/// A number with a default, 0 or more.
FieldDef non_negative_field(std::string name, std::string summary, double fallback, double maximum = 1e308);
/// The largest double below 1: decays of averages lie in [0, 1), for one of 1 would forget nothing.
inline constexpr double kBelowOne = 1.0 - 0x1p-53;

/// Ordered name → value. Small: looked up by a linear walk, and never while a program runs.
class Fields {
 public:
  using Item = std::pair<std::string, FieldValue>;

  Fields() = default;
  Fields(std::initializer_list<Item> items) : items_(items) {}

  Fields& set(std::string_view name, FieldValue value);
  const FieldValue* find(std::string_view name) const;
  std::span<const Item> items() const { return items_; }

  /// The value of that name. Throws Error where it is missing or of another type.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::vector<double>& numbers(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const Array& array(std::string_view name) const;

  /// "{stride: [1, 1], groups: 1}", or "" without items. Numbers are shortest round-trip.
  std::string to_string() const;
  friend bool operator==(const Fields&, const Fields&) = default;

 private:
  std::vector<Item> items_;
};

/// "1.5", "true", "[1, 2]", "[[1, 2], [3, 4]]".
std::string to_string(const FieldValue& value);

/// `given` in the order of `defs`, with defaults filled in; an optional field that is not given stays absent.
/// Throws Error for an unknown name, a missing required field, a value of the wrong type, an unknown choice,
/// or a number out of range; `subject` is "op 'conv2d'".
Fields complete(std::span<const FieldDef> defs, const Fields& given, std::string_view subject);

}  // namespace assay
