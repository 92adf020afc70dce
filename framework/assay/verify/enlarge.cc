#include "assay/verify/enlarge.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

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
void multiply_shapes(Fields& fields, const OpDef& op, std::int64_t extent, std::int64_t factor) {
  for (const FieldDef& field : op.fields) {
    if (field.name != "input" && field.name != "shape") continue;
    const FieldValue* const value = fields.find(field.name);
    if (value == nullptr) continue;
    if (const auto* shape = std::get_if<std::vector<std::int64_t>>(value)) {
      std::vector<std::int64_t> changed = *shape;
      for (std::int64_t& e : changed) e *= e == extent ? factor : 1;
      fields.set(field.name, std::move(changed));
    }
  }
}

// An extent, and what it is multiplied by.
struct Stretch {
  std::int64_t extent, factor;
};

std::int64_t times_to_reach(std::int64_t wanted, std::int64_t have) { return (wanted + have - 1) / have; }

}  // namespace

std::optional<Case> enlarged(const OpTable& ops, const OpDef& op, const Case& c, Axis axis,
                             std::int64_t elements) {
  const auto count = [](const CaseInput& input) { return input.shape.count(); };
  const auto largest = std::ranges::max_element(c.inputs, {}, count);
  if (largest == c.inputs.end() || largest->shape.rank() == 0 || count(*largest) == 0) return std::nullopt;
  const std::int64_t outer = largest->shape[0], inner = largest->shape[-1];
  std::vector<Stretch> stretches;
  if (axis == Axis::both) {
    if (largest->shape.rank() < 2 || outer == inner) return std::nullopt;
    stretches = {{outer, times_to_reach(kBlockRows, outer)}, {inner, times_to_reach(kBlockColumns, inner)}};
  } else {
    stretches = {{axis == Axis::outermost ? outer : inner, times_to_reach(elements, count(*largest))}};
  }
  const auto too_large = [elements](const Shape& shape) { return shape.count() > 8 * elements; };
  try {
    Case large = c;
    for (const auto& [extent, factor] : stretches) {
      for (CaseInput& input : large.inputs) input.shape = multiplied(input.shape, extent, factor);
      multiply_shapes(large.fields, op, extent, factor);
      large.label += fmt::format(", {} times as {}", factor, extent == outer ? "long" : "wide");
    }
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

}  // namespace assay::verify
