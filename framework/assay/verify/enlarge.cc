#include "assay/verify/enlarge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <variant>

#include "assay/core/error.h"
#include "assay/verify/op_site.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

Shape multiplied(const Shape& shape, std::int64_t extent, std::int64_t factor) {
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  for (std::int64_t& e : extents) e *= e == extent ? factor : 1;
  return Shape(extents);
}

// Settings that are shapes of tensors.
bool is_shape(const FieldDef& field) { return field.name == "input" || field.name == "shape"; }

void multiply_shapes(Fields& fields, const OpDef& op, std::int64_t extent, std::int64_t factor) {
  for (const FieldDef& field : op.fields) {
    if (!is_shape(field)) continue;
    const FieldValue* const value = fields.find(field.name);
    if (value == nullptr) continue;
    if (const auto* shape = std::get_if<std::vector<std::int64_t>>(value)) {
      std::vector<std::int64_t> changed = *shape;
      for (std::int64_t& e : changed) e *= e == extent ? factor : 1;
      fields.set(field.name, std::move(changed));
    }
  }
}

// Indices go through one extent of another tensor, or through a plane of it: what counts as many elements as
// the limit in the small case sets it in the large one. Where several do, the smallest.
// A number of rows that is a setting stays what it is.
void multiply_limits(Case& large, const std::vector<Shape>& before, const std::vector<Shape>& after) {
  const auto is_setting = [&](std::int64_t limit) {
    return std::ranges::any_of(large.fields.items(), [&](const auto& item) {
      const auto* const integer = std::get_if<std::int64_t>(&item.second);
      return integer != nullptr && *integer == limit;
    });
  };
  for (CaseInput& input : large.inputs) {
    if (input.domain != Domain::index || is_setting(input.limit)) continue;
    std::int64_t limit = std::numeric_limits<std::int64_t>::max();
    for (std::size_t s = 0; s < before.size(); ++s) {
      for (int first = 0; first < before[s].rank(); ++first) {
        for (int last = first + 1; last <= before[s].rank(); ++last) {
          if (before[s].count(first, last) == input.limit)
            limit = std::min(limit, after[s].count(first, last));
        }
      }
    }
    if (limit != std::numeric_limits<std::int64_t>::max()) input.limit = limit;
  }
}

// An extent, what it is multiplied by, and how that is called.
struct Stretch {
  std::int64_t extent, factor;
  std::string_view how;
};

// Odd: remainders of vectors stay what they are, or every large tensor would end with a whole one.
std::int64_t times_to_reach(std::int64_t wanted, std::int64_t have) {
  return (wanted + have - 1) / have | std::int64_t{1};
}

// Of the field's value, what a kernel may branch on: of axes all, of sizes and places only whether they
// are 1.
std::string kind_of(const FieldDef& field, const FieldValue& value, const Case& c) {
  const auto* const integer = std::get_if<std::int64_t>(&value);
  const auto* const integers = std::get_if<std::vector<std::int64_t>>(&value);
  if (field.name == "axis" && integer != nullptr) return fmt::format("{}", *integer);
  if (field.name == "axes" && integers != nullptr) return fmt::format("{}", fmt::join(*integers, ","));
  if (const bool* const flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  if (field.required)
    return integers != nullptr && std::ranges::all_of(*integers, [](auto i) { return i == 1; }) ? "1" : "";
  if (value == field.fallback) return "default";
  if (integer == nullptr || c.inputs.empty()) return "other";
  // As many groups as channels.
  const auto extents = c.inputs.front().shape.extents();
  return std::ranges::find(extents, *integer) == extents.end() ? "other" : "extent";
}
}  // namespace

std::optional<Case> enlarged(const OpTable& ops, const OpDef& op, const Case& c, Axis axis,
                             std::int64_t elements) {
  const auto count = [](const CaseInput& input) { return input.shape.count(); };
  const auto largest = std::ranges::max_element(c.inputs, {}, count);
  if (largest == c.inputs.end() || largest->shape.rank() == 0 || count(*largest) == 0) return std::nullopt;
  const std::int64_t outer = largest->shape[0], inner = largest->shape[-1];
  const std::int64_t some = times_to_reach(elements, count(*largest));
  std::vector<Stretch> stretches;
  switch (axis) {
    case Axis::outermost:
      stretches = {{outer, some, "long"}};
      break;
    case Axis::middle:
      if (largest->shape.rank() < 3) return std::nullopt;
      stretches = {{largest->shape[1], some, "deep"}};
      break;
    case Axis::innermost:
      if (largest->shape.rank() == 1) return std::nullopt;  // the outermost, too
      stretches = {{inner, some, "wide"}};
      break;
    case Axis::row:
      if (largest->shape.rank() == 1) return std::nullopt;
      stretches = {{inner, times_to_reach(elements, inner), "wide"}};
      break;
    case Axis::column:
      if (largest->shape.rank() == 1) return std::nullopt;  // a row
      stretches = {{outer, times_to_reach(elements, outer), "long"}};
      break;
    case Axis::both:
      if (largest->shape.rank() < 2 || outer == inner) return std::nullopt;
      stretches = {{outer, times_to_reach(kBlockRows, outer), "long"},
                   {inner, times_to_reach(kBlockColumns, inner), "wide"}};
      break;
    case Axis::result: {
      const Shape made = make_op_site(ops, op, c, DType::f32).outputs.front().shape();
      if (made.rank() != 2 || made[0] == made[1] || made.count() == 0) return std::nullopt;
      stretches = {{made[0], times_to_reach(kBlockRows, made[0]), "long"},
                   {made[1], times_to_reach(kBlockColumns, made[1]), "broad"}};
      break;
    }
    case Axis::product: {
      const Shape made = make_op_site(ops, op, c, DType::f32).outputs.front().shape();
      if (made.rank() != 2 || made[0] == made[1] || made.count() == 0) return std::nullopt;
      stretches = {{made[0], times_to_reach(kProductExtent, made[0]), "long"},
                   {made[1], times_to_reach(kProductExtent, made[1]), "broad"}};
      const auto terms = std::ranges::find_if(largest->shape.extents(),
                                              [&](std::int64_t e) { return e != made[0] && e != made[1]; });
      if (terms == largest->shape.extents().end()) return std::nullopt;
      stretches.push_back({*terms, times_to_reach(kProductTerms, *terms), "deep"});
      break;
    }
    case Axis::filters: {
      const Shape made = make_op_site(ops, op, c, DType::f32).outputs.front().shape();
      const Shape& of = made.count() > count(*largest) ? made : largest->shape;
      if (of.rank() != 4 || of[0] == of[1]) return std::nullopt;
      stretches = {{of[0], times_to_reach(kManyFilters, of[0]), "many filters"},
                   {of[1], times_to_reach(kManyFilters, of[1]), "many channels"}};
      break;
    }
    case Axis::matrix: {
      if (largest->shape.rank() < 2 || largest->shape[-2] == inner) return std::nullopt;
      const std::int64_t rows = largest->shape[-2];
      stretches = {{rows, times_to_reach(kTwoTiles, rows), "high"},
                   {inner, times_to_reach(kTwoTiles, inner), "wide"}};
      break;
    }
  }
  const auto shapes_of_case = [&op](const Case& one) {
    std::vector<Shape> shapes;
    for (const CaseInput& input : one.inputs) shapes.push_back(input.shape);
    for (const FieldDef& field : op.fields) {
      const FieldValue* const value = is_shape(field) ? one.fields.find(field.name) : nullptr;
      if (value == nullptr) continue;
      if (const auto* extents = std::get_if<std::vector<std::int64_t>>(value)) shapes.emplace_back(*extents);
    }
    return shapes;
  };
  const auto too_large = [elements](const Shape& shape) { return shape.count() > 8 * elements; };
  try {
    Case large = c;
    for (const auto& [extent, factor, how] : stretches) {
      for (CaseInput& input : large.inputs) input.shape = multiplied(input.shape, extent, factor);
      multiply_shapes(large.fields, op, extent, factor);
      large.label += fmt::format(", {} times as {}", factor, how);
    }
    multiply_limits(large, shapes_of_case(c), shapes_of_case(large));
    const OpSite site = make_op_site(ops, op, large, DType::f32);
    for (const CaseInput& input : large.inputs) {
      if (too_large(input.shape)) return std::nullopt;
    }
    for (const Value output : site.outputs) {
      if (too_large(output.shape())) return std::nullopt;
    }
    return large;
  } catch (const Error&) {  // shapes that do not fit together, or not into 64 bits
    return std::nullopt;
  }
}

bool grows_in_data(const Case& c, const Case& large) {
  return !(large.inputs.front().shape == c.inputs.front().shape);
}

namespace {

const Shape& largest_input(const Case& c) {
  return std::ranges::max_element(c.inputs, {}, [](const CaseInput& input) { return input.shape.count(); })
      ->shape;
}

}  // namespace

std::vector<const Case*> flattest_first(std::vector<const Case*> cases) {
  std::ranges::stable_sort(cases, {}, [](const Case* c) -> std::int64_t {
    if (c->inputs.empty()) return 1;
    const Shape& largest = largest_input(*c);
    return largest.rank() == 0 ? 1 : largest.count(0, largest.rank() - 1);
  });
  return cases;
}

std::vector<const Case*> narrowest_first(std::vector<const Case*> cases) {
  std::ranges::stable_sort(cases, {}, [](const Case* c) -> std::int64_t {
    if (c->inputs.empty()) return 1;
    const Shape& largest = largest_input(*c);
    return largest.rank() == 0 ? 1 : largest.count(1, largest.rank());
  });
  return cases;
}

double multiply_adds_of(const OpTable& ops, const OpDef& op, const Case& c) {
  const OpSite site = make_op_site(ops, op, c, DType::f32);
  std::vector<Spec> inputs, outputs;
  for (const Value input : site.inputs) inputs.push_back(input.spec());
  for (const Value output : site.outputs) outputs.push_back(output.spec());
  return op.multiply_adds({inputs, site.fields}, outputs);
}

std::string kind_of(const OpDef& op, const Case& c) {
  std::string kind;
  const Fields fields = complete(op.fields, c.fields, "op '" + op.name + "'");
  for (const FieldDef& field : op.fields) {
    if (is_shape(field)) continue;
    const FieldValue* const value = fields.find(field.name);
    kind += value == nullptr ? "/" : kind_of(field, *value, c) + "/";
  }
  const auto largest =
      std::ranges::max_element(c.inputs, {}, [](const CaseInput& input) { return input.shape.count(); });
  for (const CaseInput& input : c.inputs) {
    kind += '/';
    for (int axis = -input.shape.rank(); axis < 0; ++axis) {
      const std::int64_t extent = input.shape[axis];
      const bool whole = -axis <= largest->shape.rank() && extent == largest->shape[axis];
      const char next = extent == 1 ? '1' : whole ? '=' : '.';
      if (kind.back() != next) kind += next;  // neighbouring axes that go along are one loop
    }
  }
  return kind;
}

}  // namespace assay::verify
