#include "assay/ops/movement.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

using Integers = std::vector<std::int64_t>;

int normalized_axis(std::int64_t axis, int rank) { return normalized_axes({axis}, rank).front(); }

FieldDef axis_field() {
  return {.name = "axis",
          .kind = FieldKind::integer,
          .summary = "the axis; negative counts from the end",
          .required = true};
}

FieldDef required(std::string name, FieldKind kind, std::string summary) {
  return {.name = std::move(name), .kind = kind, .summary = std::move(summary), .required = true};
}

std::vector<Spec> infer_reshape(const Call& call) {
  const Shape shape(call.fields.integers("shape"));
  if (shape.count() != call.inputs[0].count()) {
    throw Error(fmt::format("{} has {} elements, but the shape {} has {}", call.inputs[0].to_string(),
                            call.inputs[0].count(), shape.to_string(), shape.count()));
  }
  return {{call.inputs[0].dtype, shape}};
}

std::vector<Spec> infer_transpose(const Call& call) {
  const Shape& x = call.inputs[0].shape;
  const Integers& axes = call.fields.integers("axes");
  const auto seen = normalized_axes(axes, x.rank());
  if (static_cast<int>(axes.size()) != x.rank() || static_cast<int>(seen.size()) != x.rank()) {
    throw Error(fmt::format("axes [{}] do not permute a tensor of rank {}", fmt::join(axes, ", "), x.rank()));
  }
  Integers extents;
  for (std::int64_t axis : axes) extents.push_back(x[static_cast<int>(axis)]);
  return {{call.inputs[0].dtype, Shape(extents)}};
}

std::vector<Spec> infer_broadcast_to(const Call& call) {
  const Shape shape(call.fields.integers("shape"));
  if (broadcast(call.inputs[0].shape, shape) != shape) {
    throw Error(fmt::format("{} does not broadcast to {}", call.inputs[0].to_string(), shape.to_string()));
  }
  return {{call.inputs[0].dtype, shape}};
}

std::vector<Spec> infer_concat(const Call& call) {
  const Spec& first = call.inputs[0];
  const int axis = normalized_axis(call.fields.integer("axis"), first.shape.rank());
  std::int64_t extent = 0;
  for (const Spec& spec : call.inputs) {
    if (spec.dtype != first.dtype || spec.shape.rank() != first.shape.rank() ||
        spec.shape.with(axis, first.shape[axis]) != first.shape) {
      throw Error(fmt::format("{} and {} differ outside axis {}", first.to_string(), spec.to_string(), axis));
    }
    extent += spec.shape[axis];
  }
  return {{first.dtype, first.shape.with(axis, extent)}};
}

std::vector<Spec> infer_slice(const Call& call) {
  const Spec& x = call.inputs[0];
  const int axis = normalized_axis(call.fields.integer("axis"), x.shape.rank());
  const std::int64_t start = call.fields.integer("start"), stop = call.fields.integer("stop");
  if (start < 0 || stop < start || stop > x.shape[axis]) {
    throw Error(fmt::format("[{}, {}) is no range of axis {} of {}", start, stop, axis, x.to_string()));
  }
  return {{x.dtype, x.shape.with(axis, stop - start)}};
}

std::vector<Spec> infer_pad(const Call& call) {
  const Spec& x = call.inputs[0];
  const int axis = normalized_axis(call.fields.integer("axis"), x.shape.rank());
  return {{x.dtype,
           x.shape.with(axis, x.shape[axis] + call.fields.integer("before") + call.fields.integer("after"))}};
}

void require_index(const Spec& index) {
  if (index.dtype != DType::i32) throw Error("the index is " + index.to_string() + ", but i32 is wanted");
}

std::vector<Spec> infer_gather(const Call& call) {
  const Spec& table = call.inputs[0];
  require_real("table", table);
  require_index(call.inputs[1]);
  if (table.shape.rank() < 1) throw Error("a table must have at least one axis");
  Integers extents = to_integers(call.inputs[1].shape);
  const auto row = table.shape.extents().subspan(1);
  extents.insert(extents.end(), row.begin(), row.end());
  return {{table.dtype, Shape(extents)}};
}

std::vector<Spec> infer_gather_grad(const Call& call) {
  const Shape& dy = call.inputs[0].shape;
  const Shape& index = call.inputs[1].shape;
  require_real("dy", call.inputs[0]);
  require_index(call.inputs[1]);
  if (dy.rank() < index.rank() || !std::ranges::equal(dy.extents().first(index.rank()), index.extents())) {
    throw Error(
        fmt::format("{} does not begin with the shape of the index, {}", dy.to_string(), index.to_string()));
  }
  Integers extents{call.fields.integer("count")};
  const auto row = dy.extents().subspan(index.rank());
  extents.insert(extents.end(), row.begin(), row.end());
  return {{call.inputs[0].dtype, Shape(extents)}};
}

std::vector<Case> shape_cases(const std::vector<std::pair<Shape, Shape>>& pairs) {
  std::vector<Case> cases;
  for (const auto& [from, to] : pairs) {
    cases.push_back(
        {fmt::format("{} to {}", from.to_string(), to.to_string()), {{from}}, {{"shape", to_integers(to)}}});
  }
  return cases;
}

std::vector<Case> reshape_cases() {
  return shape_cases({{Shape{6}, Shape{2, 3}},
                      {Shape{2, 3}, Shape{3, 2}},
                      {Shape{2, 3, 5, 7}, Shape{2, 105}},
                      {Shape{1}, Shape{}},
                      {Shape{0, 3}, Shape{3, 0}},
                      {Shape{4}, Shape{1, 4, 1}}});
}

std::vector<Case> broadcast_cases() {
  std::vector<std::pair<Shape, Shape>> pairs{{Shape{1}, Shape{17}},
                                             {Shape{3, 1}, Shape{3, 7}},
                                             {Shape{3, 1, 5}, Shape{3, 7, 5}},
                                             {Shape{1, 5, 1}, Shape{2, 5, 3}},
                                             {Shape{3}, Shape{3}},
                                             {Shape{1, 3}, Shape{0, 3}},
                                             {Shape{3, 1, 1}, Shape{2, 3, 5, 7}},
                                             {Shape{1, 1, 1}, Shape{2, 3, 5}},
                                             {Shape{5, 1, 7}, Shape{2, 5, 3, 7}},
                                             {Shape{2, 1, 3, 1, 2, 1, 3}, Shape{2, 3, 3, 2, 2, 5, 3}},
                                             {Shape{2, 1, 3, 1, 2, 1, 3, 1}, Shape{2, 3, 3, 2, 2, 2, 3, 2}}};
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33}) {
    pairs.emplace_back(Shape{}, Shape{n});
    pairs.emplace_back(Shape{n}, Shape{3, n});
    pairs.emplace_back(Shape{n, 1}, Shape{n, 5});
  }
  return shape_cases(pairs);
}

std::vector<Case> transpose_cases() {
  std::vector<Case> cases;
  const auto add_case = [&](const Shape& shape, Integers axes) {
    cases.push_back({fmt::format("{} by [{}]", shape.to_string(), fmt::join(axes, ", ")),
                     {{shape}},
                     {{"axes", std::move(axes)}}});
  };
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127}) {
    add_case(Shape{n, 5}, {1, 0});
    add_case(Shape{13, n}, {1, 0});
  }
  Integers axes{0, 1, 2};
  do {
    add_case(Shape{3, 5, 7}, axes);
    add_case(Shape{5, 5, 5}, axes);  // where a permutation and its inverse have the same shape
  } while (std::ranges::next_permutation(axes).found);
  for (const Integers& order : {Integers{0, 2, 3, 1}, Integers{0, 3, 1, 2}, Integers{3, 2, 1, 0},
                                Integers{1, 0, 3, 2}, Integers{-1, -2, -3, -4}, Integers{2, 3, 0, 1}}) {
    add_case(Shape{2, 3, 5, 7}, order);
  }
  // No two axes stay neighbours.
  add_case(Shape{3, 2, 5, 2, 3}, {4, 2, 0, 3, 1});
  add_case(Shape{2, 3, 2, 5, 3, 2}, {5, 3, 1, 4, 2, 0});
  add_case(Shape{2, 3, 2, 3, 2, 3, 2}, {1, 3, 5, 0, 2, 4, 6});
  add_case(Shape{2, 3, 2, 1, 2, 3, 2, 3}, {1, 4, 7, 2, 5, 0, 6, 3});
  add_case(Shape{2, 3, 2, 2, 2, 3, 2, 3}, {1, 3, 5, 7, 0, 2, 4, 6});
  add_case(Shape{3, 5, 7}, {-1, 0, 1});
  add_case(Shape{3, 5, 7, 2}, {2, -4, -1, 1});
  add_case(Shape{0, 3}, {1, 0});
  add_case(Shape{4}, {0});
  add_case(Shape{}, {});
  return cases;
}

std::vector<Case> concat_cases() {
  std::vector<Case> cases;
  for (std::int64_t a : {0, 1, 2, 7, 8, 17}) {
    for (std::int64_t b : {1, 3, 8, 33}) {
      cases.push_back({fmt::format("{} and {} columns", a, b),
                       {{Shape{3, a}}, {Shape{3, b}}},
                       {{"axis", std::int64_t{1}}}});
      cases.push_back(
          {fmt::format("{} and {} rows", a, b), {{Shape{a, 3}}, {Shape{b, 3}}}, {{"axis", std::int64_t{0}}}});
    }
  }
  cases.push_back({"one", {{Shape{3, 5}}}, {{"axis", std::int64_t{0}}}});
  cases.push_back({"three, last axis",
                   {{Shape{2, 3, 2}}, {Shape{2, 3, 1}}, {Shape{2, 3, 5}}},
                   {{"axis", std::int64_t{-1}}}});
  cases.push_back({"five",
                   {{Shape{2, 3}}, {Shape{1, 3}}, {Shape{4, 3}}, {Shape{3, 3}}, {Shape{2, 3}}},
                   {{"axis", std::int64_t{0}}}});
  cases.push_back({"channels", {{Shape{2, 3, 5, 7}}, {Shape{2, 1, 5, 7}}}, {{"axis", std::int64_t{1}}}});
  cases.push_back({"three, last axis but one",
                   {{Shape{2, 2, 3}}, {Shape{2, 1, 3}}, {Shape{2, 5, 3}}},
                   {{"axis", std::int64_t{-2}}}});
  cases.push_back(
      {"thirty-three", std::vector<CaseInput>(33, CaseInput{Shape{1, 3}}), {{"axis", std::int64_t{0}}}});
  for (const std::int64_t axis : {0, 1, 2}) {
    std::vector<CaseInput> many;
    for (const std::int64_t n : {1, 2, 1, 3, 2, 1, 5, 1, 2, 3, 1, 4, 1, 1, 2, 1, 3})
      many.push_back({Shape{2, 3, 5}.with(static_cast<int>(axis), n)});
    cases.push_back({fmt::format("seventeen along {}", axis), std::move(many), {{"axis", axis}}});
  }
  return cases;
}

std::vector<Case> slice_cases() {
  std::vector<Case> cases;
  for (std::int64_t axis : {0, 1, 2, -1, -2}) {
    for (const auto& [start, stop] :
         {std::pair<std::int64_t, std::int64_t>{0, 0}, {0, 1}, {1, 2}, {0, 3}, {2, 3}, {1, 3}}) {
      cases.push_back({fmt::format("axis {} [{}, {})", axis, start, stop),
                       {{Shape{3, 5, 7}}},
                       {{"axis", axis}, {"start", start}, {"stop", stop}}});
    }
  }
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33}) {
    cases.push_back({fmt::format("{} columns of 40", n),
                     {{Shape{2, 40}}},
                     {{"axis", std::int64_t{1}}, {"start", std::int64_t{3}}, {"stop", 3 + n}}});
    cases.push_back({fmt::format("{} rows of 40", n),
                     {{Shape{40, 3}}},
                     {{"axis", std::int64_t{0}}, {"start", std::int64_t{5}}, {"stop", 5 + n}}});
  }
  return cases;
}

std::vector<Case> pad_cases() {
  std::vector<Case> cases;
  const auto put = [&](const Shape& shape, std::int64_t axis, std::int64_t before, std::int64_t after) {
    cases.push_back({fmt::format("{} along {} by {} and {}", shape.to_string(), axis, before, after),
                     {{shape}},
                     {{"axis", axis}, {"before", before}, {"after", after}}});
  };
  for (std::int64_t axis : {0, 1, 2, -1, -2}) {
    for (const auto& [before, after] :
         {std::pair<std::int64_t, std::int64_t>{0, 0}, {1, 0}, {0, 2}, {3, 1}}) {
      put(Shape{3, 5, 7}, axis, before, after);
    }
  }
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33}) {
    put(Shape{2, n}, 1, 3, 2);
    put(Shape{n, 3}, 0, 1, n);
  }
  put(Shape{2, 3, 5, 7}, 2, 1, 1);
  put(Shape{2, 3, 5, 7}, 3, 2, 0);
  put(Shape{0}, 0, 2, 1);
  return cases;
}

std::vector<Case> gather_cases(bool gradient) {
  std::vector<Case> cases;
  const auto add_case = [&](std::int64_t count, const Shape& row, const Shape& index) {
    Integers extents = gradient ? to_integers(index) : Integers{count};
    extents.insert(extents.end(), row.extents().begin(), row.extents().end());
    Case c{fmt::format("{} rows of {} by {}", count, row.to_string(), index.to_string()),
           {{Shape(extents)}, {index, Domain::index, count}}};
    if (gradient) c.fields = {{"count", count}};
    cases.push_back(std::move(c));
  };
  for (std::int64_t width : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65})
    add_case(5, Shape{width}, Shape{11});
  for (const Shape& index : {Shape{}, Shape{1}, Shape{2, 3}, Shape{0}, Shape{2, 3, 2}, Shape{1, 1}, Shape{17},
                             Shape{5, 7}, Shape{33}, Shape{2, 1, 3}})
    add_case(7, Shape{3}, index);
  for (std::int64_t count : {1, 2, 3, 8, 16, 17, 33, 127}) add_case(count, Shape{4}, Shape{6});
  for (const Shape& row : {Shape{}, Shape{2, 5}, Shape{1, 7}, Shape{3, 1, 2}, Shape{1, 1}})
    add_case(3, row, Shape{5});
  add_case(3, Shape{2, 5}, Shape{2, 2});
  add_case(4099, Shape{1}, Shape{37});
  return cases;
}

OpDef movement(std::string name, std::string formula, std::vector<FieldDef> fields, InferRule infer,
               DerivativeRule derivative, Cases cases) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.fields = std::move(fields);
  op.infer = std::move(infer);
  op.derivative = std::move(derivative);
  op.cases = std::move(cases);
  op.polynomial = true;
  return op;
}

}  // namespace

Value reshape(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return x.graph().apply("reshape", {x}, {{"shape", to_integers(shape)}});
}
Value transpose(Value x, Integers axes) {
  return x.graph().apply("transpose", {x}, {{"axes", std::move(axes)}});
}
Value broadcast_to(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return x.graph().apply("broadcast_to", {x}, {{"shape", to_integers(shape)}});
}
Value concat(std::span<const Value> values, std::int64_t axis) {
  if (values.empty()) throw Error("concat of no values");
  return values.front().graph().apply("concat", values, {{"axis", axis}});
}
Value slice(Value x, std::int64_t axis, std::int64_t start, std::int64_t stop) {
  return x.graph().apply("slice", {x}, {{"axis", axis}, {"start", start}, {"stop", stop}});
}
std::vector<Value> split(Value x, std::int64_t axis, std::span<const std::int64_t> extents) {
  std::vector<Value> pieces;
  std::int64_t start = 0;
  for (std::int64_t extent : extents) {
    pieces.push_back(slice(x, axis, start, start + extent));
    start += extent;
  }
  const int a = normalized_axis(axis, x.shape().rank());
  if (start != x.shape()[a]) {
    throw Error(fmt::format("pieces of [{}] do not add up to axis {} of {}", fmt::join(extents, ", "), axis,
                            x.spec().to_string()));
  }
  return pieces;
}
Value pad(Value x, std::int64_t axis, std::int64_t before, std::int64_t after) {
  return x.graph().apply("pad", {x}, {{"axis", axis}, {"before", before}, {"after", after}});
}
Value gather(Value table, Value index) { return table.graph().apply("gather", {table, index}); }

void register_movement_ops(OpTable& ops, const std::string& owner) {
  const auto put = [&](OpDef op) {
    const std::string name = op.name;
    ops.add(name, std::move(op), owner);
  };

  OpDef view = movement(
      "reshape", "y = x under another shape", {required("shape", FieldKind::integers, "the new extents")},
      infer_reshape, [](Vjp& d) { d.add(0, reshape(d.cotangent(), d.input(0).shape())); }, reshape_cases);
  view.view = true;
  put(std::move(view));

  put(movement(
      "transpose", "y = x with axes permuted",
      {required("axes", FieldKind::integers, "output axis k is input axis axes[k]")}, infer_transpose,
      [](Vjp& d) {
        const Integers& axes = d.fields().integers("axes");
        Integers inverse(axes.size());
        const auto rank = static_cast<std::int64_t>(axes.size());
        for (std::int64_t k = 0; k < rank; ++k) inverse[axes[k] < 0 ? axes[k] + rank : axes[k]] = k;
        d.add(0, transpose(d.cotangent(), inverse));
      },
      transpose_cases));

  put(movement(
      "broadcast_to", "y = x repeated along axes of extent 1",
      {required("shape", FieldKind::integers, "the new extents")}, infer_broadcast_to,
      [](Vjp& d) { d.add(0, sum_to(d.cotangent(), d.input(0).shape())); }, broadcast_cases));

  OpDef join = movement(
      "concat", "y = [x₁, x₂, …] along an axis", {axis_field()}, infer_concat,
      [](Vjp& d) {
        const std::int64_t axis = d.fields().integer("axis");
        std::int64_t start = 0;
        for (std::size_t i = 0; i < d.input_count(); ++i) {
          const Shape& shape = d.input(i).shape();
          const std::int64_t extent = shape[static_cast<int>(axis)];
          if (d.wanted(i)) d.add(i, slice(d.cotangent(), axis, start, start + extent));
          start += extent;
        }
      },
      concat_cases);
  join.inputs = {"x*"};
  put(std::move(join));

  put(movement(
      "slice", "y = x[start : stop] along an axis",
      {axis_field(), required("start", FieldKind::integer, "first element"),
       required("stop", FieldKind::integer, "one past the last element")},
      infer_slice,
      [](Vjp& d) {
        const std::int64_t axis = d.fields().integer("axis");
        const std::int64_t extent = d.input(0).shape()[static_cast<int>(axis)];
        d.add(0, pad(d.cotangent(), axis, d.fields().integer("start"), extent - d.fields().integer("stop")));
      },
      slice_cases));

  FieldDef before = required("before", FieldKind::integer, "zeros in front");
  FieldDef after = required("after", FieldKind::integer, "zeros behind");
  before.minimum = after.minimum = 0;
  put(movement(
      "pad", "y = [0, x, 0] along an axis", {axis_field(), before, after}, infer_pad,
      [](Vjp& d) {
        const std::int64_t axis = d.fields().integer("axis"), start = d.fields().integer("before");
        d.add(0, slice(d.cotangent(), axis, start, start + d.input(0).shape()[static_cast<int>(axis)]));
      },
      pad_cases));

  OpDef lookup = movement(
      "gather", "y = table[index]", {}, infer_gather,
      [](Vjp& d) {
        d.add(0, d.graph().apply("gather_grad", {d.cotangent(), d.input(1)},
                                 {{"count", d.input(0).shape()[0]}}));
      },
      [] { return gather_cases(false); });
  lookup.inputs = {"table", "index"};
  lookup.undifferentiated = {1};
  put(std::move(lookup));

  FieldDef count = required("count", FieldKind::integer, "rows of the table");
  count.minimum = 0;
  OpDef scatter = movement(
      "gather_grad", "dtable[index] += dy", {count}, infer_gather_grad,
      [](Vjp& d) { d.add(0, gather(d.cotangent(), d.input(1))); }, [] { return gather_cases(true); });
  scatter.inputs = {"dy", "index"};
  scatter.outputs = {"dtable"};
  scatter.undifferentiated = {1};
  put(std::move(scatter));
}

}  // namespace assay
