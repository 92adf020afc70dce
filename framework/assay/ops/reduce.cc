#include "assay/ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"

namespace assay {
namespace {

Shape reduced_shape(const Shape& shape, const std::vector<int>& axes, bool keep) {
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool gone = std::ranges::find(axes, axis) != axes.end();
    if (!gone) extents.push_back(shape[axis]);
    if (gone && keep) extents.push_back(1);
  }
  return Shape(extents);
}

std::int64_t reduced_count(const Shape& shape, const std::vector<int>& axes) {
  std::int64_t count = 1;
  for (int axis : axes) count *= shape[axis];
  return count;
}

std::vector<Spec> infer_reduction(const Call& call, bool empty_allowed) {
  const Spec& x = call.inputs[0];
  if (!is_real(x.dtype)) throw Error("a reduction of dtype " + std::string(name_of(x.dtype)));
  const auto axes = normalized_axes(call.fields.integers("axes"), x.shape.rank());
  if (!empty_allowed && reduced_count(x.shape, axes) == 0)
    throw Error("no elements to reduce in " + x.to_string());
  return {{x.dtype, reduced_shape(x.shape, axes, call.fields.boolean("keep"))}};
}

// A reduced value, given back its axes of extent 1 so that it broadcasts against the input.
Value with_axes(Vjp& d, Value reduced) {
  const Shape& shape = d.input(0).shape();
  return reshape(reduced,
                 reduced_shape(shape, normalized_axes(d.fields().integers("axes"), shape.rank()), true));
}

std::vector<Case> reduction_cases(bool empty_allowed) {
  using Axes = std::vector<std::int64_t>;
  std::vector<Case> cases;
  const auto add_case = [&](const Shape& shape, Axes axes, bool keep) {
    cases.push_back(
        {fmt::format("{} over [{}]{}", shape.to_string(), fmt::join(axes, ", "), keep ? " kept" : ""),
         {{shape}},
         {{"axes", std::move(axes)}, {"keep", keep}}});
  };
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 127, 129, 1009, 4099}) {
    add_case(Shape{n}, {}, false);
    add_case(Shape{3, n}, {1}, n % 2 == 0);
    add_case(Shape{n, 5}, {0}, n % 2 == 1);
  }
  add_case(Shape{}, {}, false);
  add_case(Shape{3, 5, 7}, {1}, false);
  add_case(Shape{3, 5, 7}, {0, 2}, true);
  add_case(Shape{2, 3, 5, 7}, {0, 2, 3}, false);
  add_case(Shape{2, 17, 3, 5}, {0, 2, 3}, false);
  add_case(Shape{2, 3, 5, 7}, {-1}, false);
  add_case(Shape{2, 3, 5, 7}, {1, 2}, true);
  // Axes that are reduced between axes that are kept: loops of both kinds.
  add_case(Shape{2, 3, 5, 7}, {1, 3}, false);
  add_case(Shape{2, 3, 5, 7}, {0, 2}, false);
  add_case(Shape{3, 2, 5, 3, 4}, {1, 3}, true);
  add_case(Shape{3, 2, 5, 3, 4}, {0, 2, 4}, false);
  add_case(Shape{2, 3, 2, 3, 2, 3}, {1, 3, 5}, false);
  add_case(Shape{2, 3, 2, 3, 2, 3, 2}, {1, 3, 5}, false);
  add_case(Shape{2, 3, 2, 3, 2, 3, 2, 3}, {1, 3, 5, 7}, false);
  add_case(Shape{2, 3, 5, 7}, {-1, -3}, true);
  add_case(Shape{11, 13}, {}, true);
  add_case(Shape{1, 1, 1}, {}, false);
  add_case(Shape{0, 3}, {1}, false);
  if (empty_allowed) {
    add_case(Shape{0}, {}, false);
    add_case(Shape{0, 3}, {0}, true);
  }
  return cases;
}

OpDef reduction(std::string name, std::string formula, bool empty_allowed, DerivativeRule derivative) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.fields = {{.name = "axes",
                .kind = FieldKind::integers,
                .summary = "axes to reduce; none: all",
                .fallback = std::vector<std::int64_t>{}},
               {.name = "keep",
                .kind = FieldKind::boolean,
                .summary = "keep reduced axes with extent 1",
                .fallback = false}};
  op.infer = [empty_allowed](const Call& call) { return infer_reduction(call, empty_allowed); };
  op.derivative = std::move(derivative);
  op.cases = [=] { return reduction_cases(empty_allowed); };
  op.polynomial = true;
  return op;
}

}  // namespace

std::vector<int> normalized_axes(const std::vector<std::int64_t>& axes, int rank) {
  std::vector<int> result;
  if (axes.empty()) {
    for (int axis = 0; axis < rank; ++axis) result.push_back(axis);
    return result;
  }
  for (std::int64_t axis : axes) {
    if (axis < -rank || axis >= rank) throw Error(fmt::format("axis {} of a tensor of rank {}", axis, rank));
    result.push_back(static_cast<int>(axis < 0 ? axis + rank : axis));
  }
  std::ranges::sort(result);
  if (std::ranges::adjacent_find(result) != result.end()) {
    throw Error(fmt::format("axes [{}] name an axis twice", fmt::join(axes, ", ")));
  }
  return result;
}

Value sum(Value x, std::vector<std::int64_t> axes, bool keep) {
  return x.graph().apply("sum", {x}, {{"axes", std::move(axes)}, {"keep", keep}});
}
Value mean(Value x, std::vector<std::int64_t> axes, bool keep) {
  return x.graph().apply("mean", {x}, {{"axes", std::move(axes)}, {"keep", keep}});
}
Value max(Value x, std::vector<std::int64_t> axes, bool keep) {
  return x.graph().apply("max", {x}, {{"axes", std::move(axes)}, {"keep", keep}});
}

Value sum_to(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<std::int64_t> axes;
  const int lead = x.shape().rank() - shape.rank();
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (axis < lead || (shape[axis - lead] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
  }
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

void register_reduce_ops(OpTable& ops, const std::string& owner) {
  ops.add("sum",
          reduction("sum", "y = Σ x over axes", true,
                    [](Vjp& d) { d.add(0, broadcast_to(with_axes(d, d.cotangent()), d.input(0).shape())); }),
          owner);
  ops.add("mean",
          reduction("mean", "y = (1/n) Σ x over axes", false,
                    [](Vjp& d) {
                      const double n = static_cast<double>(d.input(0).shape().count()) /
                                       static_cast<double>(d.output().shape().count());
                      const Value share = div(d.cotangent(), d.graph().constant(n, d.cotangent().dtype()));
                      d.add(0, broadcast_to(with_axes(d, share), d.input(0).shape()));
                    }),
          owner);
  // The cotangent is shared evenly among the elements that attain the maximum.
  ops.add("max",
          reduction("max", "y = max x over axes", false,
                    [](Vjp& d) {
                      const Value x = d.input(0);
                      const Value one = d.graph().constant(1.0, x.dtype()),
                                  zero = d.graph().constant(0.0, x.dtype());
                      const Value attains = equal(x, with_axes(d, d.output()));
                      const Value ties = sum(where(attains, one, zero), d.fields().integers("axes"),
                                             d.fields().boolean("keep"));
                      d.add(0, where(attains, with_axes(d, div(d.cotangent(), ties)), zero));
                    }),
          owner);
}

}  // namespace assay
