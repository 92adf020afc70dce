#include "assay/verify/known_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/op_site.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// The inputs as a case of the op: what they may hold is what the op's own cases say.
Case case_of(const OpDef& op, const std::vector<KnownTensor>& inputs, const Fields& fields) {
  Case result{"known value", {}, fields};
  for (const KnownTensor& input : inputs) {
    const std::size_t i = result.inputs.size();
    CaseInput described{input.shape};
    for (const Case& c : op.cases) {
      if (c.inputs.size() <= i) continue;
      described.domain = c.inputs[i].domain;
      described.limit = c.inputs[i].limit;
      break;
    }
    result.inputs.push_back(described);
  }
  return result;
}

std::vector<Tensor> inputs_of(const Case& c, const std::vector<KnownTensor>& known, DType dtype) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < known.size(); ++i)
    inputs.push_back(tensor_of(known[i], dtype_of(c.inputs[i], dtype)));
  return inputs;
}

// A bound that run_on_bounds() has left in a tensor.
Quad bound_at(const Tensor& bounds, std::size_t i) {
  if (bounds.dtype() == DType::bound32) return Quad(bounds.as<Bound32>()[i].error());
  return bounds.as<Bound64>()[i].error();
}

Quad real_at(const Tensor& tensor, std::size_t i) {
  if (tensor.dtype() == DType::quad) return tensor.as<Quad>()[i];
  return Quad(element(tensor.view(), static_cast<std::int64_t>(i)));
}

// A number that no distance is measured to: none, an infinity, or a zero of one sign.
bool is_special(const std::string& known) {
  return known == "nan" || known.ends_with("inf") || known == "-0" || known == "+0";
}

bool is_the_same(const std::string& known, double got) {
  if (known == "nan") return std::isnan(got);
  const double want = std::strtod(known.c_str(), nullptr);
  return got == want && std::signbit(got) == std::signbit(want);
}

// What is compared with the known numbers, and what is allowed: a share of the bounds.
struct Claim {
  std::string who;
  const std::vector<Tensor>& got;
  const std::vector<Tensor>& bounds;
  double share = 1.0;
};

void compare(const Claim& claim, const KnownValue& known, Outcome& outcome) {
  const auto fail = [&](const std::string& why) {
    if (outcome.status == Status::failed) return;
    outcome.status = Status::failed;
    outcome.detail = claim.who + why;
  };
  if (claim.got.size() != known.outputs.size())
    return fail(fmt::format(" has {} outputs, known are {}", claim.got.size(), known.outputs.size()));
  for (std::size_t o = 0; o < known.outputs.size(); ++o) {
    const Tensor& got = claim.got[o];
    if (got.shape() != known.outputs[o].shape)
      return fail(fmt::format(": output {} has shape {}, known is {}", o, got.shape().to_string(),
                              known.outputs[o].shape.to_string()));
    const std::vector<std::string> numbers = numbers_of(known.outputs[o]);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const Quad is = real_at(got, i);
      ++outcome.judged;
      if (is_special(numbers[i]) &&
          !is_the_same(numbers[i], element(got.view(), static_cast<std::int64_t>(i))))
        fail(fmt::format(": output {} at {} is {}, known is {}", o,
                         got.shape().index_text(static_cast<std::int64_t>(i)), is.to_string(20), numbers[i]));
      if (is_special(numbers[i])) continue;
      const Quad want = Quad::parse(numbers[i]), error = abs(Quad(is - want));
      Quad allowed(0);
      if (is_real(got.dtype()))
        allowed = Quad(claim.share) * bound_at(claim.bounds[o], i) +
                  Quad(std::ldexp(1.0, kKnownDigitsExponent)) * abs(want);
      if (error <= allowed) {
        if (allowed > Quad(0))
          outcome.ratio = std::max(outcome.ratio, static_cast<double>(Quad(error / allowed)));
        continue;
      }
      fail(fmt::format(": output {} at {} is {}, known is {}; off by {}, allowed are {}", o,
                       got.shape().index_text(static_cast<std::int64_t>(i)), is.to_string(20), numbers[i],
                       error.to_string(3), allowed.to_string(3)));
    }
  }
}

}  // namespace

std::vector<std::string> numbers_of(const KnownTensor& tensor) {
  std::istringstream in(tensor.numbers);
  std::vector<std::string> numbers;
  for (std::string number; in >> number;) numbers.push_back(number);
  if (static_cast<std::int64_t>(numbers.size()) != tensor.shape.count())
    throw Error(
        fmt::format("a known value of shape {} has {} numbers", tensor.shape.to_string(), numbers.size()));
  return numbers;
}

Tensor tensor_of(const KnownTensor& known, DType dtype) {
  std::vector<double> values;
  for (const std::string& number : numbers_of(known)) values.push_back(std::strtod(number.c_str(), nullptr));
  return Tensor::of(dtype, known.shape, values);
}

const std::vector<KnownValue>& known_values() {
  static const std::vector<KnownValue> kAll = [] {
    std::vector<KnownValue> all = known_functions();
    for (auto* const part : {known_tensor_ops, known_updates})
      std::ranges::move(part(), std::back_inserter(all));
    return all;
  }();
  return kAll;
}

Outcome check_known(const Registry& registry, const Backend& reference, const Backend& backend,
                    const KnownValue& known, DType dtype) {
  const OpDef& op = registry.ops.at(known.op);
  const Case c = case_of(op, known.inputs, known.fields);
  const OpSite wide_site = make_op_site(registry.ops, op, c, DType::f64);
  const OpSite narrow_site = make_op_site(registry.ops, op, c, dtype);
  std::string refusal;
  const BoundKernel kernel = bind_kernel(backend, narrow_site.site(), refusal);
  if (!kernel.kernel) return Outcome::skipped(std::string(backend.name()) + ": " + refusal);
  const BoundKernel quad = bind_kernel(reference, with_dtype(wide_site.site(), DType::quad), refusal);
  if (!quad.kernel) return Outcome::skipped("the reference does not run it in quad: " + refusal);

  const std::vector<Tensor> wide_inputs = inputs_of(c, known.inputs, DType::f64),
                            inputs = inputs_of(c, known.inputs, dtype);
  const Bounded wide = run_on_bounds(reference, wide_site.site(), wide_inputs, {});
  const Bounded narrow = run_on_bounds(reference, kernel.site, inputs, kernel.plan.accuracy);
  if (!wide.refusal.empty()) return Outcome::skipped(wide.refusal);
  Outcome outcome;
  outcome.basis = fmt::format("known {}; {}", known.source, basis_of(narrow, kernel.plan.accuracy));
  compare({"the reference in quad", run(quad, convert_all(wide_inputs, DType::quad)), wide.outputs,
           std::ldexp(1.0, kQuadShareExponent)},
          known, outcome);
  // The ratio is the backend's.
  outcome.ratio = 0.0;
  // What is read beyond an input may look like what is wanted, NaN above all.
  const WatchedRun watched = run_watched(kernel, inputs, inputs);
  compare({"", watched.outputs, narrow.outputs}, known, outcome);
  if (outcome.status != Status::failed && !watched.findings.empty()) {
    outcome.status = Status::failed;
    outcome.detail = watched.findings.front();
  }
  return outcome;
}

Outcome check_known_derivative(const Registry& registry, const Backend& reference,
                               const KnownDerivative& known) {
  const OpDef& op = registry.ops.at(known.op);
  const Case c = case_of(op, known.inputs, known.fields);
  OpSite site = make_op_site(registry.ops, op, c, DType::quad);
  Bindings bindings;
  for (const Tensor& input : inputs_of(c, known.inputs, DType::quad))
    bindings.emplace(std::to_string(bindings.size()), input.clone());
  std::vector<Value> seeds;
  for (const KnownTensor& cotangent : known.cotangents) {
    const std::string name = fmt::format("cotangent {}", seeds.size());
    seeds.push_back(site.graph.input(name, {DType::quad, cotangent.shape}));
    bindings.emplace(name, tensor_of(cotangent, DType::quad));
  }
  const std::span outputs = std::span(site.outputs).first(seeds.size()),
                  wanted = std::span(site.inputs).first(known.derivatives.size());
  const Cotangents cotangents = differentiate(outputs, seeds, wanted);
  const Values values = evaluate(site.graph, reference, bindings);
  Outcome outcome;
  outcome.basis = "known by convention, or as a limit";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Tensor& got = values.at(cotangents.find(wanted[i]).id());
    const std::vector<std::string> numbers = numbers_of(known.derivatives[i]);
    for (std::size_t e = 0; e < numbers.size(); ++e) {
      const Quad is = real_at(got, e);
      ++outcome.judged;
      const bool right = is_special(numbers[e])
                             ? is_the_same(numbers[e], static_cast<double>(is))
                             : abs(Quad(is - Quad::parse(numbers[e]))) <=
                                   Quad(std::ldexp(1.0, kKnownDigitsExponent)) * abs(Quad::parse(numbers[e]));
      if (right || outcome.status == Status::failed) continue;
      outcome.status = Status::failed;
      outcome.detail =
          fmt::format("the derivative by input {} at {} is {}, known is {}", i,
                      got.shape().index_text(static_cast<std::int64_t>(e)), is.to_string(20), numbers[e]);
    }
  }
  return outcome;
}

}  // namespace assay::verify
