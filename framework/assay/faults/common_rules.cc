#include "assay/faults/common_rules.h"

#include <algorithm>
#include <vector>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/guarded_run.h"
#include "assay/verify/op_site.h"

namespace assay::faults {
namespace {

std::vector<Numbers> numbers(const std::vector<Tensor>& tensors) {
  std::vector<Numbers> all;
  for (const Tensor& tensor : tensors) all.push_back(to_doubles(tensor.view()));
  return all;
}

// A backend's kernel of one case, or an empty kernel.
class Bound {
 public:
  Bound(const Registry& registry, const std::string& backend, int threads, const OpDef& op, const Case& c,
        DType dtype)
      : site_(verify::make_op_site(registry.ops, op, c, dtype)),
        backend_(registry.create_backend(backend, {}, threads)) {
    std::string refusal;
    kernel_ = verify::bind_kernel(*backend_, site_.site(), refusal);
  }
  const verify::BoundKernel& kernel() const { return kernel_; }
  explicit operator bool() const { return kernel_.kernel != nullptr; }

 private:
  verify::OpSite site_;
  std::unique_ptr<Backend> backend_;
  verify::BoundKernel kernel_;
};

// Enough runs for what happens now and then.
constexpr int kRuns = 8;

bool same_behaviour(const Bound& right, const Bound& wrong, const std::vector<Tensor>& a,
                    const std::vector<Tensor>& b) {
  const std::vector<Tensor> truth = verify::run(right.kernel(), a);
  for (int r = 0; r < kRuns; ++r) {
    const verify::WatchedRun watched = verify::run_watched(wrong.kernel(), a, b);
    if (!watched.findings.empty() || !verify::same_bits(watched.outputs, truth)) return false;
  }
  return true;
}

void compare_kernels(const Registry& right, const Registry& wrong, const Fault& fault, Comparison& result) {
  const OpDef& op = right.ops.at(fault.op);
  for (const Case& c : op.cases) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Bound reference(right, "reference", 1, op, c, dtype);
      for (const int threads : {1, 4}) {
        const Bound correct(right, fault.backend, threads, op, c, dtype),
            faulty(wrong, fault.backend, threads, op, c, dtype);
        if (!correct || !faulty) continue;
        const std::vector<Tensor> inputs = verify::make_inputs(c, dtype, {.seed = 1});
        if (result.same_bits) {
          for (const auto fill : {verify::Fill::full_mantissa, verify::Fill::integers, verify::Fill::wide}) {
            result.same_bits =
                result.same_bits &&
                same_behaviour(correct, faulty, verify::make_inputs(c, dtype, {.fill = fill, .seed = 1}),
                               verify::make_inputs(c, dtype, {.fill = fill, .seed = 2}));
          }
        }
        const auto want = numbers(verify::run(reference.kernel(), inputs));
        const auto good = numbers(verify::run(correct.kernel(), inputs));
        const auto bad = numbers(verify::run(faulty.kernel(), inputs));
        for (int rule = 0; rule < kCommonRules; ++rule) {
          const auto r = static_cast<std::size_t>(rule);
          result.rejected[r] = result.rejected[r] || (accepts(rule, good, want) && !accepts(rule, bad, want));
        }
      }
    }
  }
}

// The cotangents of all real inputs by the op's rule, in f64, for a random cotangent of every output.
std::vector<Numbers> gradients(const Registry& registry, const Backend& reference, const OpDef& op,
                               const Case& c) {
  verify::OpSite site = verify::make_op_site(registry.ops, op, c, DType::f64);
  const std::vector<Tensor> inputs = verify::make_inputs(c, DType::f64, {.seed = 1});
  verify::Bindings bindings;
  std::vector<Value> outputs, seeds, wanted;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    bindings.emplace(std::to_string(i), inputs[i].clone());
    const auto listed = [i](const std::vector<int>& some) {
      return std::ranges::find(some, static_cast<int>(i)) != some.end();
    };
    if (is_real(inputs[i].dtype()) && !listed(op.undifferentiated) && !listed(op.refused))
      wanted.push_back(site.inputs[i]);
  }
  for (std::size_t o = 0; o < site.outputs.size(); ++o) {
    if (!is_real(site.outputs[o].dtype())) continue;
    const std::string name = "cotangent " + std::to_string(o);
    outputs.push_back(site.outputs[o]);
    seeds.push_back(site.graph.input(name, site.outputs[o].spec()));
    bindings.emplace(name,
                     verify::make_input({"", {{site.outputs[o].shape()}}}, 0, DType::f64, {.seed = 100 + o}));
  }
  if (wanted.empty() || outputs.empty()) return {};
  const Cotangents cotangents = differentiate(outputs, seeds, wanted);
  const verify::Values values = verify::evaluate(site.graph, reference, bindings);
  std::vector<Numbers> all;
  for (const Value input : wanted) {
    const Value cotangent = cotangents.find(input);
    all.push_back(cotangent ? to_doubles(values.at(cotangent.id()).view())
                            : Numbers(static_cast<std::size_t>(input.shape().count())));
  }
  return all;
}

// The rules that compare backends see nothing of a derivative that the backends share.
void compare_rules(const Registry& right, const Registry& wrong, const Fault& fault, Comparison& result) {
  const auto reference = right.create_backend("reference", {}, 1);
  for (const Case& c : right.ops.at(fault.op).cases) {
    const auto want = gradients(right, *reference, right.ops.at(fault.op), c);
    std::vector<Numbers> bad;
    try {
      bad = gradients(wrong, *reference, wrong.ops.at(fault.op), c);
    } catch (const Error&) {  // a shape that does not fit: nothing runs
      result.rejected.fill(true);
      result.same_bits = false;
      continue;
    }
    result.same_bits = result.same_bits && want == bad;
    for (const int rule : {0, 3}) {
      const auto r = static_cast<std::size_t>(rule);
      result.rejected[r] = result.rejected[r] || !accepts(rule, bad, want);
    }
  }
}

}  // namespace

Comparison compare_with_correct(const Registry& right, const Registry& wrong, const Fault& fault) {
  Comparison result;
  if (fault.backend.empty()) {
    compare_rules(right, wrong, fault, result);
  } else {
    compare_kernels(right, wrong, fault, result);
  }
  return result;
}

}  // namespace assay::faults
