#include "assay/ops/pool.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"
#include "assay/ops/window.h"

namespace assay {
namespace {

std::vector<FieldDef> pooling_fields() {
  FieldDef stride = stride_field();
  stride.required = true;
  FieldDef size = stride;
  size.name = "size";
  size.summary = "of the window, [height, width]";
  return {std::move(size), std::move(stride), padding_field()};
}

FieldDef count_padding_field() {
  return {.name = "count_padding",
          .kind = FieldKind::boolean,
          .summary = "divide by the size of the window even where it reaches into the padding",
          .fallback = false};
}

FieldDef input_field() {
  return {.name = "input",
          .kind = FieldKind::integers,
          .summary = "shape of x, [N, C, H, W]",
          .required = true,
          .minimum = 0};
}

Shape pooled(const Shape& x, const Fields& fields) {
  const Window window = pooling_window(x, fields);
  return Shape{x[0], x[1], window.height.output, window.width.output};
}

void require_index(const Spec& index, const Shape& pooled) {
  require_spec("index", index, {DType::i32, pooled}, "max_pool2d gives one index per output");
}

void require_plane_fits_index(const Spec& x) {
  const std::int64_t plane = x.shape[2] * x.shape[3], most = std::numeric_limits<std::int32_t>::max();
  if (plane > most) {
    throw Error(fmt::format("a plane of {} has {} elements, but an i32 index reaches {}", x.to_string(),
                            plane, most));
  }
}

std::vector<Spec> infer_max_pool(const Call& call) {
  const Spec& x = call.inputs[0];
  require_image("x", x, "[N, C, H, W]");
  require_plane_fits_index(x);
  const Shape y = pooled(x.shape, call.fields);
  return {{x.dtype, y}, {DType::i32, y}};
}

std::vector<Spec> infer_max_pool_grad(const Call& call) {
  const Spec& dy = call.inputs[0];
  require_image("dy", dy, "[N, C, H', W']");
  require_index(call.inputs[1], dy.shape);
  const Spec dx{dy.dtype, Shape(call.fields.integers("input"))};
  require_image("field 'input'", dx, "[N, C, H, W]");
  require_plane_fits_index(dx);
  if (dx.shape[0] != dy.shape[0] || dx.shape[1] != dy.shape[1]) {
    throw Error(fmt::format("dy is {} and field 'input' is {}: both must have the same [N, C]",
                            dy.to_string(), dx.to_string()));
  }
  return {dx};
}

std::vector<Spec> infer_max_pool_gather(const Call& call) {
  const Spec& x = call.inputs[0];
  const Spec& index = call.inputs[1];
  require_image("x", x, "[N, C, H, W]");
  if (index.shape.rank() != 4 || index.dtype != DType::i32 || index.shape[0] != x.shape[0] ||
      index.shape[1] != x.shape[1]) {
    throw Error(fmt::format("index is {}, but i32[{}, {}, H', W'] is wanted: x is {}", index.to_string(),
                            x.shape[0], x.shape[1], x.to_string()));
  }
  return {{x.dtype, index.shape}};
}

std::vector<Spec> infer_avg_pool(const Call& call) {
  const Spec& x = call.inputs[0];
  require_image("x", x, "[N, C, H, W]");
  return {{x.dtype, pooled(x.shape, call.fields)}};
}

std::vector<Spec> infer_avg_pool_grad(const Call& call) {
  const Spec& dy = call.inputs[0];
  require_image("dy", dy, "[N, C, H', W']");
  const Spec dx{dy.dtype, Shape(call.fields.integers("input"))};
  require_image("field 'input'", dx, "[N, C, H, W]");
  require_spec("dy", dy, {dy.dtype, pooled(dx.shape, call.fields)},
               fmt::format("avg_pool2d of {} gives that", dx.to_string()));
  return {dx};
}

std::vector<Spec> infer_global_avg_pool(const Call& call) {
  const Spec& x = call.inputs[0];
  require_image("x", x, "[N, C, H, W]");
  if (x.shape[2] * x.shape[3] == 0) throw Error("no elements to average in the planes of " + x.to_string());
  return {{x.dtype, Shape{x.shape[0], x.shape[1]}}};
}

// The window of avg_pool2d_grad without the shape that it restores.
Fields averaging_only(const Fields& fields) {
  return {{"size", fields.integers("size")},
          {"stride", fields.integers("stride")},
          {"padding", fields.integers("padding")},
          {"count_padding", fields.boolean("count_padding")}};
}

double plane_count(const Shape& x) { return static_cast<double>(x[2] * x[3]); }

// ∂L/∂x_nchw = ∂L/∂y_nc / (H W)
void derivative_of_global_avg_pool(Vjp& d) {
  const Value dy = d.cotangent();
  const Shape& x = d.input(0).shape();
  const Value share = div(dy, d.graph().constant(plane_count(x), dy.dtype()));
  d.add(0, broadcast_to(reshape(share, Shape{x[0], x[1], 1, 1}), x));
}

struct PoolingGeometry {
  std::string label;
  std::array<std::int64_t, 4> x{2, 3, 5, 7};
  std::vector<std::int64_t> size{2, 2};
  std::vector<std::int64_t> stride{2, 2};
  std::vector<std::int64_t> padding{0, 0, 0, 0};
};

std::vector<PoolingGeometry> pooling_geometries() {
  using Pair = std::vector<std::int64_t>;
  std::vector<PoolingGeometry> all;
  const auto put = [&](PoolingGeometry g) { all.push_back(std::move(g)); };
  for (std::int64_t n : {2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65}) {
    put({.label = fmt::format("width {}", n), .x = {1, 2, 5, n}});
    put({.label = fmt::format("width {}, overlapping", n), .x = {1, 2, 3, n}, .stride = {1, 1}});
    put({.label = fmt::format("{} channels", n), .x = {1, n, 4, 6}});
  }
  for (const auto& [size, stride] : std::initializer_list<std::pair<Pair, Pair>>{{{1, 1}, {1, 1}},
                                                                                 {{1, 1}, {2, 3}},
                                                                                 {{3, 3}, {1, 1}},
                                                                                 {{3, 3}, {2, 2}},
                                                                                 {{2, 3}, {3, 2}},
                                                                                 {{3, 2}, {1, 2}},
                                                                                 {{2, 2}, {3, 5}},
                                                                                 {{5, 7}, {1, 1}},
                                                                                 {{1, 4}, {1, 2}},
                                                                                 {{4, 1}, {2, 1}}}) {
    const std::string label = fmt::format("{}x{} by {}x{}", size[0], size[1], stride[0], stride[1]);
    put({.label = label, .size = size, .stride = stride});
    put({.label = label + ", a larger image", .x = {2, 3, 11, 13}, .size = size, .stride = stride});
  }
  // Windows longer than any that kernels have a loop of their own for.
  put({.label = "8x9 by 1x1", .x = {2, 3, 11, 13}, .size = {8, 9}, .stride = {1, 1}});
  put({.label = "11x3 by 2x2", .x = {1, 5, 13, 7}, .size = {11, 3}, .stride = {2, 2}});
  put({.label = "3x13 by 1x2, padded",
       .x = {1, 2, 5, 17},
       .size = {3, 13},
       .stride = {1, 2},
       .padding = {1, 0, 3, 5}});
  put({.label = "padded on every side", .size = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}});
  put({.label = "padded on every side, overlapping",
       .size = {3, 3},
       .stride = {1, 1},
       .padding = {1, 1, 1, 1}});
  put({.label = "padded asymmetrically", .size = {3, 4}, .stride = {2, 3}, .padding = {0, 1, 2, 1}});
  put({.label = "padded at the top and left", .size = {3, 3}, .stride = {2, 2}, .padding = {2, 0, 1, 0}});
  put({.label = "padded at the bottom and right", .size = {2, 2}, .stride = {2, 2}, .padding = {0, 1, 0, 1}});
  put({.label = "padded by all but one element",
       .x = {2, 3, 3, 4},
       .size = {3, 5},
       .stride = {1, 1},
       .padding = {2, 2, 4, 4}});
  put({.label = "taller than wide, padded",
       .x = {2, 3, 13, 4},
       .size = {3, 2},
       .stride = {2, 1},
       .padding = {1, 2, 1, 0}});
  put({.label = "window wider than the image",
       .x = {2, 2, 2, 3},
       .size = {4, 5},
       .stride = {1, 1},
       .padding = {1, 1, 1, 1}});
  // Settings of the two axes that, exchanged, give a result of the same shape.
  put({.label = "3x3 by 4x5, square",
       .x = {2, 3, 9, 9},
       .size = {3, 3},
       .stride = {4, 5},
       .padding = {0, 1, 1, 0}});
  put({.label = "2x3 by 5x5, square", .x = {2, 3, 10, 10}, .size = {2, 3}, .stride = {5, 5}});
  // Windows that tile the image, which not all do above.
  put({.label = "tiles of 2x3", .x = {2, 3, 6, 12}, .size = {2, 3}, .stride = {2, 3}});
  put({.label = "tiles of 3x2", .x = {1, 5, 9, 6}, .size = {3, 2}, .stride = {3, 2}});
  put({.label = "one pixel", .x = {1, 1, 1, 1}, .size = {1, 1}, .stride = {1, 1}});
  put({.label = "one pixel, padded",
       .x = {3, 2, 1, 1},
       .size = {3, 3},
       .stride = {1, 1},
       .padding = {1, 1, 1, 1}});
  put({.label = "one row", .x = {3, 2, 1, 17}, .size = {1, 3}, .stride = {1, 2}});
  put({.label = "one column", .x = {3, 2, 17, 1}, .size = {3, 1}, .stride = {2, 1}});
  put({.label = "batch of 7", .x = {7, 2, 4, 6}});
  put({.label = "empty batch", .x = {0, 3, 5, 7}});
  put({.label = "no channels", .x = {2, 0, 5, 7}});
  put({.label = "image 28x28", .x = {2, 3, 28, 28}});
  return all;
}

enum class PoolingRole { forward, gradient, gather };

std::vector<Case> max_pool_cases(PoolingRole role) {
  std::vector<Case> cases;
  for (const PoolingGeometry& g : pooling_geometries()) {
    const Shape x(g.x);
    Fields fields{{"size", g.size}, {"stride", g.stride}, {"padding", g.padding}};
    // Any position of the plane is a legal index, more than a window would choose.
    const CaseInput index{pooled(x, fields), Domain::index, x[2] * x[3]};
    switch (role) {
      case PoolingRole::forward:
        cases.push_back({g.label, {{x}}, std::move(fields)});
        break;
      case PoolingRole::gradient:
        cases.push_back({g.label, {{index.shape}, index}, {{"input", to_integers(x)}}});
        break;
      case PoolingRole::gather:
        cases.push_back({g.label, {{x}, index}});
        break;
    }
  }
  // An index into more than 16 bits count.
  const Shape plane{1, 1, 260, 263}, y{1, 1, 5, 7};
  const CaseInput index{y, Domain::index, plane.count()};
  if (role == PoolingRole::gradient)
    cases.push_back({"a large plane", {{y}, index}, {{"input", to_integers(plane)}}});
  if (role == PoolingRole::gather) cases.push_back({"a large plane", {{plane}, index}});
  return cases;
}

std::vector<Case> avg_pool_cases(PoolingRole role) {
  std::vector<Case> cases;
  for (const PoolingGeometry& g : pooling_geometries()) {
    const Shape x(g.x);
    const bool padded = g.padding != std::vector<std::int64_t>{0, 0, 0, 0};
    for (const bool count_padding : {false, true}) {
      if (count_padding && !padded) continue;
      Fields fields{
          {"size", g.size}, {"stride", g.stride}, {"padding", g.padding}, {"count_padding", count_padding}};
      const std::string label = g.label + (count_padding ? ", padding counted" : "");
      if (role == PoolingRole::forward) {
        cases.push_back({label, {{x}}, std::move(fields)});
      } else {
        const Shape y = pooled(x, fields);
        cases.push_back({label, {{y}}, std::move(fields.set("input", to_integers(x)))});
      }
    }
  }
  return cases;
}

std::vector<Case> global_avg_pool_cases() {
  std::vector<Case> cases;
  for (std::int64_t n : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64}) {
    for (const Shape& x : {Shape{2, 3, 5, n}, Shape{2, n, 3, 5}, Shape{1, 2, n, 1}}) {
      cases.push_back({"image " + x.to_string(), {{x}}});
    }
  }
  cases.push_back({"one pixel", {{Shape{5, 3, 1, 1}}}});
  cases.push_back({"empty batch", {{Shape{0, 3, 5, 7}}}});
  cases.push_back({"no channels", {{Shape{2, 0, 5, 7}}}});
  return cases;
}

OpDef pooling(std::string name, std::string formula, std::vector<std::string> inputs,
              std::vector<std::string> outputs) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  op.polynomial = true;
  return op;
}

}  // namespace

MaxPooled max_pool2d(Value x, const Fields& fields) {
  const auto results = x.graph().apply_all("max_pool2d", {x}, fields);
  return {results[0], results[1]};
}
Value max_pool2d_grad(Value dy, Value index, const Shape& input) {
  return dy.graph().apply("max_pool2d_grad", {dy, index}, {{"input", to_integers(input)}});
}
Value max_pool2d_gather(Value x, Value index) { return x.graph().apply("max_pool2d_gather", {x, index}); }
Value avg_pool2d(Value x, const Fields& fields) { return x.graph().apply("avg_pool2d", {x}, fields); }
Value avg_pool2d_grad(Value dy, const Shape& input, const Fields& fields) {
  return dy.graph().apply("avg_pool2d_grad", {dy}, Fields(fields).set("input", to_integers(input)));
}
Value global_avg_pool(Value x) { return x.graph().apply("global_avg_pool", {x}); }

void register_pool_ops(OpTable& ops, const std::string& owner) {
  OpDef largest = pooling("max_pool2d", "y_ncij = max_pq x_nchw, h = i·s + p − top, w = j·s + q − left",
                          {"x"}, {"y", "index"});
  largest.fields = pooling_fields();
  largest.infer = infer_max_pool;
  largest.derivative = [](Vjp& d) {
    d.add(0, max_pool2d_grad(d.cotangent(), d.output(1), d.input(0).shape()));
  };
  largest.cases = [] { return max_pool_cases(PoolingRole::forward); };
  add_op(ops, std::move(largest), owner);

  // Scattering by an index and gathering by it are adjoint: each is the other's derivative.
  OpDef scatter = pooling("max_pool2d_grad", "dx_nc[index_ncij] += dy_ncij", {"dy", "index"}, {"dx"});
  scatter.fields = {input_field()};
  scatter.infer = infer_max_pool_grad;
  scatter.derivative = [](Vjp& d) { d.add(0, max_pool2d_gather(d.cotangent(), d.input(1))); };
  scatter.cases = [] { return max_pool_cases(PoolingRole::gradient); };
  scatter.undifferentiated = {1};
  add_op(ops, std::move(scatter), owner);

  OpDef lookup = pooling("max_pool2d_gather", "y_ncij = x_nc[index_ncij]", {"x", "index"}, {"y"});
  lookup.infer = infer_max_pool_gather;
  lookup.derivative = [](Vjp& d) {
    d.add(0, max_pool2d_grad(d.cotangent(), d.input(1), d.input(0).shape()));
  };
  lookup.cases = [] { return max_pool_cases(PoolingRole::gather); };
  lookup.undifferentiated = {1};
  add_op(ops, std::move(lookup), owner);

  OpDef average = pooling("avg_pool2d", "y_ncij = (1/k) Σ_pq x_nchw, h = i·s + p − top, w = j·s + q − left",
                          {"x"}, {"y"});
  average.fields = pooling_fields();
  average.fields.push_back(count_padding_field());
  average.infer = infer_avg_pool;
  average.derivative = [](Vjp& d) {
    d.add(0, avg_pool2d_grad(d.cotangent(), d.input(0).shape(), d.fields()));
  };
  average.cases = [] { return avg_pool_cases(PoolingRole::forward); };
  add_op(ops, std::move(average), owner);

  // Linear in dy, and the adjoint of avg_pool2d.
  OpDef spread = pooling("avg_pool2d_grad",
                         "dx_nchw = Σ dy_ncij / k over the windows (i, j) that hold (h, w)", {"dy"}, {"dx"});
  spread.fields = pooling_fields();
  spread.fields.push_back(count_padding_field());
  spread.fields.push_back(input_field());
  spread.infer = infer_avg_pool_grad;
  spread.derivative = [](Vjp& d) { d.add(0, avg_pool2d(d.cotangent(), averaging_only(d.fields()))); };
  spread.cases = [] { return avg_pool_cases(PoolingRole::gradient); };
  add_op(ops, std::move(spread), owner);

  OpDef global = pooling("global_avg_pool", "y_nc = 1/(HW) Σ_hw x_nchw", {"x"}, {"y"});
  global.infer = infer_global_avg_pool;
  global.derivative = derivative_of_global_avg_pool;
  global.expand = [](std::span<const Value> in, const Fields&) {
    return std::vector<Value>{mean(in[0], {2, 3})};
  };
  global.cases = global_avg_pool_cases;
  add_op(ops, std::move(global), owner);
}

}  // namespace assay
