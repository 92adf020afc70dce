#include "assay/graph/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {
namespace {

template <class T>
const T& get(const Fields& fields, std::string_view name) {
  const FieldValue* value = fields.find(name);
  if (value == nullptr) throw Error(fmt::format("field '{}' is missing", name));
  if (const T* typed = std::get_if<T>(value)) return *typed;
  throw Error(fmt::format("field '{}' has a value of another type: {}", name, to_string(*value)));
}

std::string_view kind_name(FieldKind kind) {
  switch (kind) {
    case FieldKind::boolean:
      return "true or false";
    case FieldKind::integer:
      return "an integer";
    case FieldKind::number:
      return "a number";
    case FieldKind::text:
      return "text";
    case FieldKind::choice:
      return "a name";
    case FieldKind::integers:
      return "a list of integers";
    case FieldKind::numbers:
      return "a list of numbers";
    case FieldKind::pair:
      return "[height, width]";
    case FieldKind::padding:
      return "valid, same, or [top, bottom, left, right]";
    case FieldKind::texts:
      return "a list of texts";
    case FieldKind::array:
      return "nested lists of numbers";
  }
  return "";
}

bool fits(FieldKind kind, const FieldValue& value) {
  using Integers = std::vector<std::int64_t>;
  const auto* integers = std::get_if<Integers>(&value);
  switch (kind) {
    case FieldKind::boolean:
      return std::holds_alternative<bool>(value);
    case FieldKind::integer:
      return std::holds_alternative<std::int64_t>(value);
    case FieldKind::number:
      return std::holds_alternative<double>(value);
    case FieldKind::text:
    case FieldKind::choice:
      return std::holds_alternative<std::string>(value);
    case FieldKind::integers:
      return integers != nullptr;
    case FieldKind::numbers:
      return std::holds_alternative<std::vector<double>>(value);
    case FieldKind::pair:
      return integers != nullptr && integers->size() == 2;
    case FieldKind::padding:
      if (const auto* text = std::get_if<std::string>(&value)) return *text == "valid" || *text == "same";
      return integers != nullptr && integers->size() == 4;
    case FieldKind::texts:
      return std::holds_alternative<std::vector<std::string>>(value);
    case FieldKind::array: {
      const auto* array = std::get_if<Array>(&value);
      return array != nullptr && array->shape.count() == static_cast<std::int64_t>(array->values.size());
    }
  }
  return false;
}

void check_range(const FieldDef& def, double x, std::string_view subject) {
  if (x >= def.minimum && x <= def.maximum) return;
  throw Error(fmt::format("field '{}' of {} is {}, outside [{}, {}]", def.name, subject, x, def.minimum,
                          def.maximum));
}

void check(const FieldDef& def, const FieldValue& value, std::string_view subject) {
  if (!fits(def.kind, value)) {
    throw Error(fmt::format("field '{}' of {} is {}, but {} is wanted", def.name, subject, to_string(value),
                            kind_name(def.kind)));
  }
  if (def.kind == FieldKind::choice) {
    const auto& name = std::get<std::string>(value);
    if (std::ranges::find(def.choices, name) == def.choices.end()) {
      throw Error(fmt::format("field '{}' of {} has the unknown value '{}'", def.name, subject, name))
          .help(suggestion("value", name, def.choices));
    }
  }
  if (const auto* x = std::get_if<double>(&value)) check_range(def, *x, subject);
  if (const auto* x = std::get_if<std::int64_t>(&value)) check_range(def, static_cast<double>(*x), subject);
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    for (double x : *list) check_range(def, x, subject);
  }
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
    for (std::int64_t x : *list) check_range(def, static_cast<double>(x), subject);
  }
  if (const auto* array = std::get_if<Array>(&value)) {
    for (double x : array->values) check_range(def, x, subject);
  }
}

// The values from `next` on that stand under axes [axis, rank), as nested lists.
std::string nested(const Array& array, int axis, std::size_t& next) {
  if (axis == array.shape.rank()) return fmt::format("{}", array.values[next++]);
  std::string text = "[";
  for (std::int64_t i = 0; i < array.shape[axis]; ++i) {
    if (i > 0) text += ", ";
    text += nested(array, axis + 1, next);
  }
  return text + "]";
}

}  // namespace

FieldDef number_field(std::string name, std::string summary, double fallback, double minimum,
                      double maximum) {
  return {.name = std::move(name),
          .summary = std::move(summary),
          .fallback = fallback,
          .minimum = minimum,
          .maximum = maximum};
}

FieldDef non_negative_field(std::string name, std::string summary, double fallback, double maximum) {
  return number_field(std::move(name), std::move(summary), fallback, 0, maximum);
}

Fields& Fields::set(std::string_view name, FieldValue value) {
  for (Item& item : items_) {
    if (item.first == name) {
      item.second = std::move(value);
      return *this;
    }
  }
  items_.emplace_back(name, std::move(value));
  return *this;
}

const FieldValue* Fields::find(std::string_view name) const {
  for (const Item& item : items_) {
    if (item.first == name) return &item.second;
  }
  return nullptr;
}

bool Fields::boolean(std::string_view name) const { return get<bool>(*this, name); }
std::int64_t Fields::integer(std::string_view name) const { return get<std::int64_t>(*this, name); }
double Fields::number(std::string_view name) const { return get<double>(*this, name); }
const std::string& Fields::text(std::string_view name) const { return get<std::string>(*this, name); }
const std::vector<std::int64_t>& Fields::integers(std::string_view name) const {
  return get<std::vector<std::int64_t>>(*this, name);
}
const std::vector<double>& Fields::numbers(std::string_view name) const {
  return get<std::vector<double>>(*this, name);
}

const std::vector<std::string>& Fields::texts(std::string_view name) const {
  return get<std::vector<std::string>>(*this, name);
}
const Array& Fields::array(std::string_view name) const { return get<Array>(*this, name); }

std::string Fields::to_string() const {
  if (items_.empty()) return "";
  std::string text = "{";
  for (const Item& item : items_) {
    if (text.size() > 1) text += ", ";
    text += item.first + ": " + assay::to_string(item.second);
  }
  return text + "}";
}

std::string to_string(const FieldValue& value) {
  return std::visit(
      [](const auto& x) -> std::string {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, bool>) {
          return x ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::string>) {
          return x;
        } else if constexpr (std::is_same_v<T, Array>) {
          if (x.shape.count() != static_cast<std::int64_t>(x.values.size()))
            return fmt::format("{} numbers under the shape {}", x.values.size(), x.shape.to_string());
          std::size_t next = 0;
          return nested(x, 0, next);
        } else if constexpr (std::is_arithmetic_v<T>) {
          return fmt::format("{}", x);
        } else {
          return fmt::format("[{}]", fmt::join(x, ", "));
        }
      },
      value);
}

Fields complete(std::span<const FieldDef> defs, const Fields& given, std::string_view subject) {
  for (const Fields::Item& item : given.items()) {
    if (std::ranges::find(defs, item.first, &FieldDef::name) != defs.end()) continue;
    std::vector<std::string> known;
    for (const FieldDef& def : defs) known.push_back(def.name);
    throw Error(fmt::format("unknown field '{}' of {}", item.first, subject))
        .help(suggestion("field", item.first, known));
  }
  Fields full;
  for (const FieldDef& def : defs) {
    const FieldValue* value = given.find(def.name);
    if (value == nullptr && def.required)
      throw Error(fmt::format("field '{}' of {} is missing", def.name, subject));
    if (value == nullptr && def.optional) continue;
    const FieldValue& chosen = value != nullptr ? *value : def.fallback;
    check(def, chosen, subject);
    full.set(def.name, chosen);
  }
  return full;
}

}  // namespace assay
