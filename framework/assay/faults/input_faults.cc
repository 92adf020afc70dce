// Kernels that read an operand wrongly: not at all, in another order, in fewer bits. The real kernel runs on
// a changed copy of that one input.
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "assay/faults/fault.h"
#include "assay/faults/faulty_backend.h"
#include "assay/faults/sites.h"

namespace assay::faults {
namespace {

/// Changes a copy of an input's buffer, which has this shape if its layout is canonical.
using Change = std::function<void(const Buffer& copy, const Shape& shape)>;

KernelFault reading(std::size_t index, const Change& change) {
  return {.damage = [index, change](Execution& run) {
    if (index >= run.inputs.size()) return run.run_real();
    const Buffer& input = run.inputs[index];
    void* const copy = allocate_aligned(input.bytes);
    std::memcpy(copy, input.data, input.bytes);
    change({copy, input.dtype, input.bytes}, run.site.input(index).shape);
    std::vector<const void*> inputs(run.io.inputs, run.io.inputs + run.inputs.size());
    inputs[index] = copy;
    // In place over this input, the real kernel finds it nowhere else but in the copy.
    run.real.run({inputs.data(), run.io.outputs, run.io.scratch});
    release_aligned(copy);
  }};
}

void filled(const Buffer& x, int value) {
  typed(x, [&](auto* p) { std::fill_n(p, x.count(), std::remove_pointer_t<decltype(p)>(value)); });
}

void permuted(const Buffer& x, const std::function<std::size_t(std::size_t i, std::size_t n)>& source) {
  const std::vector<unsigned char> right = bytes_of(x);
  for (std::size_t i = 0; i < x.count(); ++i)
    std::memcpy(x.at(i), right.data() + source(i, x.count()) * x.element(), x.element());
}

void transposed(const Buffer& x, const Shape& shape) {
  const std::size_t row = shape.rank() > 0 ? static_cast<std::size_t>(shape[shape.rank() - 1]) : 1;
  if (row < 2 || x.count() % row != 0) return;
  permuted(x, [row](std::size_t i, std::size_t n) { return (i % (n / row)) * row + i / (n / row); });
}

// f32 to the nearest number of `bits` significant bits, ties to even.
void rounded(const Buffer& x, int bits) {
  if (x.dtype != DType::f32) return;
  auto* p = static_cast<float*>(x.data);
  const std::uint32_t dropped = 24 - static_cast<std::uint32_t>(bits);
  for (std::size_t i = 0; i < x.count(); ++i) {
    const auto u = std::bit_cast<std::uint32_t>(p[i]);
    const std::uint32_t half = (1U << (dropped - 1)) - 1 + ((u >> dropped) & 1U);
    if (std::isfinite(p[i])) p[i] = std::bit_cast<float>((u + half) & ~((1U << dropped) - 1));
  }
}

void through_f32(const Buffer& x) {
  if (x.dtype != DType::f64) return;
  auto* p = static_cast<double*>(x.data);
  for (std::size_t i = 0; i < x.count(); ++i) p[i] = static_cast<float>(p[i]);
}

struct Kind {
  std::string name;
  int number;
  std::string defect;
  std::function<bool(const OpDef& op, std::size_t i)> fits;
  Change change;
  std::string equivalent{};
};

std::string input_name(const OpDef& op, std::size_t i) {
  std::string name = op.inputs[std::min(i, op.inputs.size() - 1)];
  if (name.back() == '?' || name.back() == '*') name.pop_back();
  return name;
}

Domain domain_of(const OpDef& op, std::size_t i) {
  for (const Case& c : op.cases) {
    if (i < c.inputs.size()) return c.inputs[i].domain;
  }
  return Domain::real;
}
bool real_input(const OpDef& op, std::size_t i) {
  return domain_of(op, i) == Domain::real || domain_of(op, i) == Domain::positive ||
         domain_of(op, i) == Domain::nonzero;
}
bool cotangent_input(const OpDef& op, std::size_t i) {
  return input_name(op, i).front() == 'd' && real_input(op, i);
}
bool setting_input(const OpDef& op, std::size_t i) { return !cotangent_input(op, i) && real_input(op, i); }
bool random_input(const OpDef& op, std::size_t i) {
  return domain_of(op, i) == Domain::key || domain_of(op, i) == Domain::mask || input_name(op, i) == "sample";
}
bool index_input(const OpDef& op, std::size_t i) {
  return (domain_of(op, i) == Domain::index || domain_of(op, i) == Domain::step) && !random_input(op, i);
}
bool maximum_index(const OpDef& op, std::size_t i) {
  return index_input(op, i) && op.name.starts_with("max_pool2d");
}
// Repeated along an axis of another operand in some case.
bool broadcast_input(const OpDef& op, std::size_t i) {
  return real_input(op, i) && std::ranges::any_of(op.cases, [i](const Case& c) {
           if (i >= c.inputs.size()) return false;
           const std::int64_t n = c.inputs[i].shape.count();
           return n > 1 && std::ranges::any_of(
                               c.inputs, [n](const CaseInput& other) { return other.shape.count() > n; });
         });
}

std::vector<Kind> kinds() {
  const auto ones = [](const Buffer& x, const Shape&) { filled(x, 1); };
  const auto zeros = [](const Buffer& x, const Shape&) { filled(x, 0); };
  const auto rolled = [](const Buffer& x, const Shape&) {
    permuted(x, [](std::size_t i, std::size_t n) { return (i + 1) % n; });
  };
  const std::string one_row = "one row or one column, or an operand whose order does not count";
  return {
      {"taken as ones", 5, "tensorflow/tensorflow#127690", cotangent_input, ones},
      {"taken as zeros", 5, "pytorch/pytorch#59615", cotangent_input, zeros},
      {"taken as ones", 6, "denizyuret/Knet.jl#288", setting_input, ones},
      {"taken as zeros", 6, "denizyuret/Knet.jl#288", setting_input, zeros},
      {"rolled along a broadcast", 8, "harvard-edge/cs249r_book#1867", broadcast_input, rolled},
      {"read transposed", 15, "uxlfoundation/oneDNN#4124", real_input, transposed, one_row},
      {"read backwards", 7, "harvard-edge/cs249r_book#1867", real_input,
       [](const Buffer& x, const Shape&) {
         permuted(x, [](std::size_t i, std::size_t n) { return n - 1 - i; });
       },
       one_row},
      {"rounded to bfloat16", 18, "apache/mxnet#17703", real_input,
       [](const Buffer& x, const Shape&) { rounded(x, 8); }},
      {"rounded to half", 18, "apache/mxnet#17703", real_input,
       [](const Buffer& x, const Shape&) { rounded(x, 11); }},
      {"rounded to f32", 18, "apache/mxnet#17703", real_input,
       [](const Buffer& x, const Shape&) { through_f32(x); }},
      {"ignored", 23, "pytorch/pytorch#190717", random_input, zeros},
      {"rolled", 23, "pytorch/pytorch#190717", random_input, rolled},
      {"read as the one before", 20, "Theano/Theano#4568", maximum_index,
       [](const Buffer& x, const Shape&) {
         auto* index = static_cast<std::int32_t*>(x.data);
         for (std::size_t k = 0; k < x.count(); ++k) index[k] -= index[k] > 0 ? 1 : 0;
       }},
      {"ignored", 24, "NervanaSystems/neon#111", index_input, zeros},
      {"rolled", 24, "NervanaSystems/neon#111", index_input, rolled},
  };
}

}  // namespace

std::vector<Fault> input_faults(const Registry& registry) {
  const Sites sites(registry);
  std::vector<Fault> faults;
  std::size_t turn = 0;
  for (const Kind& kind : kinds()) {
    for (const OpDef* op : ops_with_kernels(registry)) {
      ++turn;
      const std::string& backend = sites.one(op->name, turn);
      for (std::size_t i = 0; i < op->inputs.size(); ++i) {
        if (!kind.fits(*op, i)) continue;
        faults.push_back({input_name(*op, i) + " " + kind.name, kind.number, op->name, backend, kind.defect,
                          0, kind.equivalent,
                          [backend, name = op->name, fault = reading(i, kind.change)](Registry& r) {
                            damage_backend(r, backend, name, fault);
                          }});
      }
    }
  }
  return faults;
}

}  // namespace assay::faults
