#include "assay/ops/dropout.h"

#include <fmt/format.h>

#include <cmath>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/operands.h"

namespace assay {
namespace {

std::vector<Spec> infer_dropout(const Call& call) {
  const Spec& x = call.inputs[0];
  require_real("x", x);
  if (x.shape.rank() < 1) throw Error("x is a scalar, but [B, ...] is wanted: each row has a sample index");
  require_spec("key", call.inputs[1], {DType::i32, Shape{3}}, "seed, in two halves, and step");
  require_spec("sample", call.inputs[2], {DType::i32, Shape{x.shape[0]}},
               "one index per row of x " + x.to_string());
  const std::int64_t row = x.shape.count(1, x.shape.rank()), most = std::int64_t{1} << 34;
  if (row > most)
    throw Error(
        fmt::format("a row of x {} has {} elements; a random stream has {}", x.to_string(), row, most));
  return {x, {DType::u8, x.shape}};
}

// ∂y/∂x = 1/(1 − rate) where kept, else 0.
void derivative_of_dropout(Vjp& d) {
  const Value dy = d.cotangent(), zero = d.graph().constant(0.0, dy.dtype());
  d.add(0, where(d.output(1), scale(dy, dropout_scale(d.fields().number("rate"))), zero));
}

std::vector<Case> dropout_cases() {
  std::vector<Case> cases;
  std::int64_t stream = 0;
  const auto put = [&](const Shape& x, double rate) {
    cases.push_back({fmt::format("{} at rate {}", x.to_string(), rate),
                     {{x}, {Shape{3}, Domain::key}, {Shape{x[0]}, Domain::key}},
                     {{"rate", rate}, {"stream", stream++}}});
  };
  for (std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 257}) {
    put(Shape{3, n}, 0.5);
    put(Shape{n}, 0.75);
  }
  for (double rate : {0.0, 0.1, 0.3, 0.875, 0.99, 1.0}) put(Shape{5, 37}, rate);
  put(Shape{2, 3, 5, 7}, 0.5);
  put(Shape{1, 1}, 0.5);
  put(Shape{1, 23}, 0.5);  // one sample, step after step
  put(Shape{0, 5}, 0.5);
  put(Shape{5, 0}, 0.5);
  put(Shape{2, 1009}, 0.25);
  cases.push_back({"the last stream",
                   {{Shape{3, 5}}, {Shape{3}, Domain::key}, {Shape{3}, Domain::key}},
                   {{"rate", 0.5}, {"stream", std::int64_t{4294967295}}}});
  return cases;
}

}  // namespace

std::uint64_t dropout_threshold(double rate) {
  return static_cast<std::uint64_t>(std::ceil(std::ldexp(rate, 32)));  // scaling by a power of two is exact
}

double dropout_scale(double rate) { return 1.0 / (1.0 - rate); }

Dropped dropout(Value x, Value key, Value sample, double rate, std::uint32_t stream) {
  const auto results = x.graph().apply_all("dropout", {x, key, sample},
                                           {{"rate", rate}, {"stream", static_cast<std::int64_t>(stream)}});
  return {results[0], results[1]};
}

void register_dropout_ops(OpTable& ops, const std::string& owner) {
  OpDef op;
  op.name = "dropout";
  op.formula = "y = m ⊙ x / (1 − rate), m = [r ≥ rate], r uniform by (seed, stream, step, sample, element)";
  op.inputs = {"x", "key", "sample"};
  op.outputs = {"y", "mask"};
  op.fields = {{.name = "rate",
                .kind = FieldKind::number,
                .summary = "share of elements that is dropped",
                .required = true,
                .minimum = 0.0,
                .maximum = 1.0},
               {.name = "stream",
                .kind = FieldKind::integer,
                .summary = "random stream of this use",
                .required = true,
                .minimum = 0.0,
                .maximum = 4294967295.0}};
  op.infer = infer_dropout;
  op.derivative = derivative_of_dropout;
  op.cases = dropout_cases;
  op.polynomial = true;
  op.undifferentiated = {1, 2};
  add_op(ops, std::move(op), owner);
}

}  // namespace assay
