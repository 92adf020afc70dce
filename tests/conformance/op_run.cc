#include "conformance/op_run.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "assay/core/random.h"
#include "conformance/allocation_count.h"

namespace assay::conformance {
namespace {

constexpr std::size_t kGuard = 256;

// A buffer between two guard bands.
class Guarded {
 public:
  Guarded(std::size_t bytes, unsigned char poison) : bytes_(bytes), poison_(poison) {
    storage_ = static_cast<unsigned char*>(allocate_aligned(bytes + 2 * kGuard));
    std::memset(storage_, poison, bytes + 2 * kGuard);
  }
  ~Guarded() { release_aligned(storage_); }
  Guarded(Guarded&& other) noexcept
      : storage_(std::exchange(other.storage_, nullptr)), bytes_(other.bytes_), poison_(other.poison_) {}
  Guarded& operator=(Guarded&&) = delete;

  unsigned char* data() { return storage_ + kGuard; }
  std::size_t bytes() const { return bytes_; }
  bool intact() const {
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (storage_[i] != poison_ || storage_[kGuard + bytes_ + i] != poison_) return false;
    }
    return true;
  }

 private:
  unsigned char* storage_;
  std::size_t bytes_;
  unsigned char poison_;
};

// Changes the layout of a value by the backend's own reorder.
void reorder(const Backend& backend, const Spec& spec, const Layout& from, const Layout& to,
             const void* source, void* target) {
  if (from == to) {
    std::memcpy(target, source, to.bytes_of(spec));
    return;
  }
  const KernelPtr kernel = backend.reorder(spec, from, to);
  const void* inputs[] = {source};
  void* outputs[] = {target};
  kernel->run({inputs, outputs, nullptr});
}

struct OneRun {
  std::vector<Tensor> outputs;
  long allocations;
};

// One run; with `alias`, that output lies over that input.
OneRun run_once(const Backend& backend, const Plan& plan, const Kernel& kernel, const Site& site,
                const std::vector<Tensor>& inputs, unsigned char poison, std::optional<InPlace> alias,
                std::vector<std::string>& findings) {
  std::vector<Guarded> in, out;
  std::vector<std::vector<unsigned char>> before;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Layout layout = plan.input_layout(i);
    in.emplace_back(layout.bytes_of(site.input(i)), poison);
    reorder(backend, site.input(i), {}, layout, inputs[i].data(), in.back().data());
    before.emplace_back(in.back().data(), in.back().data() + in.back().bytes());
  }
  for (std::size_t o = 0; o < site.outputs.size(); ++o) {
    out.emplace_back(plan.output_layout(o).bytes_of(site.output(o)), poison);
  }
  Guarded scratch(plan.scratch_bytes, poison);
  std::vector<const void*> read;
  std::vector<void*> written;
  for (Guarded& buffer : in) read.push_back(buffer.data());
  for (std::size_t o = 0; o < out.size(); ++o) {
    const bool shared = alias && alias->output == static_cast<int>(o);
    written.push_back(shared ? in[static_cast<std::size_t>(alias->input)].data() : out[o].data());
  }
  long allocations = 0;
  {
    const AllocationCount count;
    kernel.run({read.data(), written.data(), scratch.data()});
    allocations = count.value();
  }

  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i].intact()) findings.push_back(fmt::format("wrote outside of input {}", i));
    if (alias && alias->input == static_cast<int>(i)) continue;
    if (std::memcmp(before[i].data(), in[i].data(), in[i].bytes()) != 0) {
      findings.push_back(fmt::format("changed input {}", i));
    }
  }
  for (std::size_t o = 0; o < out.size(); ++o) {
    if (!out[o].intact()) findings.push_back(fmt::format("wrote outside of output {}", o));
  }
  if (!scratch.intact()) findings.push_back("wrote outside of its scratch");

  std::vector<Tensor> results;
  for (std::size_t o = 0; o < out.size(); ++o) {
    Tensor result(site.output(o));
    reorder(backend, site.output(o), plan.output_layout(o), {}, written[o], result.data());
    results.push_back(std::move(result));
  }
  return {std::move(results), allocations};
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(a[i].data(), b[i].data(), a[i].spec().bytes()) != 0) return false;
  }
  return true;
}

double sample(const CaseInput& input, Data data, std::int64_t scale, RandomStream stream,
              std::uint32_t element) {
  const auto draw = [&](std::uint32_t bound) { return random_below(stream, 0, 0, element, bound); };
  switch (input.domain) {
    case Domain::index:
      return draw(static_cast<std::uint32_t>(input.limit));
    case Domain::step:
      return 1 + draw(static_cast<std::uint32_t>(input.limit));
    case Domain::mask:
      return draw(2);
    case Domain::key:
      return static_cast<std::int32_t>(random_bits(stream, 0, 0, element)[0]);
    default:
      break;
  }
  const bool negative = input.domain != Domain::positive && random_bits(stream, 1, 0, element)[0] % 2 == 1;
  const bool may_be_zero = input.domain == Domain::real;
  double magnitude = 0.0;
  if (data == Data::integers) {
    magnitude = static_cast<double>(scale * (may_be_zero ? draw(4) : 1 + draw(3)));
  } else {
    magnitude = random_uniform(stream, 0, 0, element) * (may_be_zero ? 2.0 : 1.5) + (may_be_zero ? 0.0 : 0.5);
  }
  return negative ? -magnitude : magnitude;
}

DType dtype_of(const CaseInput& input, DType dtype) {
  switch (input.domain) {
    case Domain::index:
    case Domain::step:
    case Domain::key:
      return DType::i32;
    case Domain::mask:
      return DType::u8;
    default:
      return dtype;
  }
}

}  // namespace

Site OpSite::site() const {
  const std::int32_t nodes[] = {node};
  return make_site(graph, nodes).site;
}

OpSite make_op_site(const OpTable& ops, const OpDef& op, const Case& c, DType dtype) {
  OpSite result{Graph(ops), {}, -1, complete(op.fields, c.fields, "op '" + op.name + "'")};
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    result.inputs.push_back(
        result.graph.input(std::to_string(i), {dtype_of(c.inputs[i], dtype), c.inputs[i].shape}));
  }
  result.node = result.graph.apply(op.name, result.inputs, c.fields).id().node;
  return result;
}

std::vector<Tensor> make_inputs(const Case& c, DType dtype, Data data, std::int64_t scale,
                                std::uint64_t seed) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const RandomStream stream{seed, static_cast<std::uint32_t>(i)};
    std::vector<double> values(static_cast<std::size_t>(c.inputs[i].shape.count()));
    for (std::size_t e = 0; e < values.size(); ++e) {
      values[e] = sample(c.inputs[i], data, scale, stream, static_cast<std::uint32_t>(e));
    }
    inputs.push_back(Tensor::of(dtype_of(c.inputs[i], dtype), c.inputs[i].shape, values));
  }
  return inputs;
}

std::vector<Tensor> convert_all(const std::vector<Tensor>& tensors, DType dtype) {
  std::vector<Tensor> converted;
  for (const Tensor& tensor : tensors) {
    converted.emplace_back(Spec{is_real(tensor.dtype()) ? dtype : tensor.dtype(), tensor.shape()});
    convert(tensor.view(), converted.back().view());
  }
  return converted;
}

RunResult run_plan(const Backend& backend, const Plan& plan, const Site& site,
                   const std::vector<Tensor>& inputs) {
  RunResult result;
  const KernelPtr kernel = plan.bind();
  const auto run = [&](unsigned char poison, std::optional<InPlace> alias = std::nullopt) {
    return run_once(backend, plan, *kernel, site, inputs, poison, alias, result.findings);
  };
  // 0xFF… is a NaN, 0x2B… a number: an element that is not written differs between the runs.
  result.outputs = run(0xFF).outputs;
  const OneRun again = run(0x2B);  // the first run of all may start the threads of a pool
  result.allocations = again.allocations;
  if (!same_bits(result.outputs, again.outputs)) {
    result.findings.push_back("the result depends on what lay in the outputs or the scratch");
  }
  for (const InPlace& pair : plan.in_place) {
    if (!same_bits(result.outputs, run(0xFF, pair).outputs)) {
      result.findings.push_back(
          fmt::format("output {} over input {} changes the result", pair.output, pair.input));
    }
  }
  return result;
}

}  // namespace assay::conformance
