#include "assay/verify/guarded_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "assay/core/float_mode.h"

namespace assay::verify {
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

// Whether output o in a layout of the backend's own is, padding included, what the backend's reorder makes of
// its value: kernels that read whole blocks count on it.
bool padding_kept(const BoundKernel& bound, std::size_t o, const Tensor& value, const void* written) {
  const Spec& spec = bound.site.output(o);
  const Layout layout = bound.plan.output_layout(o);
  if (layout.canonical() || spec.dtype != DType::f32) return true;
  std::vector<float> whole(layout.bytes_of(spec) / sizeof(float));
  reorder(*bound.backend, spec, {}, layout, value.data(), whole.data());
  const float* const got = static_cast<const float*>(written);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] != got[i] && !(std::isnan(whole[i]) && std::isnan(got[i]))) return false;
  }
  return true;
}

// Kernels of scalars that are no plain numbers (Quad) are given constructed outputs: poison is no value.
bool plain(const Site& site) {
  const auto is_plain = [](const Port& port) {
    return port.spec.dtype == DType::f32 || port.spec.dtype == DType::f64 || !is_real(port.spec.dtype);
  };
  for (const Port& port : site.inputs) {
    if (!is_plain(port)) return false;
  }
  for (const Port& port : site.outputs) {
    if (!is_plain(port)) return false;
  }
  return true;
}

// Which buffers are one: outputs over inputs, and inputs that are read where the first of them lies.
struct Sharing {
  std::vector<InPlace> over{};
  std::vector<std::size_t> read{};  ///< more than one, of equal tensors

  const InPlace* of_output(std::size_t o) const {
    const auto it = std::ranges::find(over, static_cast<int>(o), &InPlace::output);
    return it == over.end() ? nullptr : &*it;
  }
  bool overwrites(std::size_t input) const {
    return std::ranges::find(over, static_cast<int>(input), &InPlace::input) != over.end();
  }
};

std::vector<Tensor> run_once(const BoundKernel& bound, const std::vector<Tensor>& inputs,
                             unsigned char poison, const Sharing& sharing, const Execute& execute,
                             std::vector<std::string>& findings) {
  const Site& site = bound.site;
  const Plan& plan = bound.plan;
  std::vector<Guarded> in, out;
  std::vector<std::vector<unsigned char>> before;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Layout layout = plan.input_layout(i);
    in.emplace_back(layout.bytes_of(site.input(i)), poison);
    reorder(*bound.backend, site.input(i), {}, layout, inputs[i].data(), in.back().data());
    before.emplace_back(in.back().data(), in.back().data() + in.back().bytes());
  }
  for (std::size_t o = 0; o < site.outputs.size(); ++o) {
    out.emplace_back(plan.output_layout(o).bytes_of(site.output(o)), poison);
  }
  Guarded scratch(plan.scratch_bytes, poison);
  std::vector<const void*> read;
  std::vector<void*> written;
  for (Guarded& buffer : in) read.push_back(buffer.data());
  for (const std::size_t i : sharing.read) read[i] = read[sharing.read.front()];
  for (std::size_t o = 0; o < out.size(); ++o) {
    const InPlace* const over = sharing.of_output(o);
    written.push_back(over != nullptr ? in[static_cast<std::size_t>(over->input)].data() : out[o].data());
  }
  const Io io{read.data(), written.data(), scratch.data()};
  {
    const FloatModeGuard mode;
    if (execute) {
      execute(*bound.kernel, io);
    } else {
      bound.kernel->run(io);
    }
    if (!(float_mode() == mode.before()))
      findings.push_back("leaves the processor changed: " + difference(mode.before(), float_mode()));
  }

  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i].intact()) findings.push_back(fmt::format("wrote outside of input {}", i));
    if (sharing.overwrites(i)) continue;
    if (!std::equal(before[i].begin(), before[i].end(), in[i].data())) {
      findings.push_back(fmt::format("changed input {}", i));
    }
  }
  for (std::size_t o = 0; o < out.size(); ++o) {
    if (!out[o].intact()) findings.push_back(fmt::format("wrote outside of output {}", o));
  }
  if (!scratch.intact()) findings.emplace_back("wrote outside of its scratch");

  std::vector<Tensor> results;
  for (std::size_t o = 0; o < out.size(); ++o) {
    Tensor result(site.output(o));
    reorder(*bound.backend, site.output(o), plan.output_layout(o), {}, written[o], result.data());
    if (!padding_kept(bound, o, result, written[o]))
      findings.push_back(fmt::format("leaves numbers in the padding of output {}", o));
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace

BoundKernel bind_kernel(const Backend& backend, Site site, std::string& refusal) {
  BoundKernel bound;
  bound.backend = &backend;
  Offer offer = backend.offer(site);
  if (const auto* refused = std::get_if<Refusal>(&offer)) {
    refusal = refused->reason;
    return bound;
  }
  bound.site = std::move(site);
  bound.plan = std::move(std::get<Plan>(offer));
  bound.kernel = bound.plan.bind();
  return bound;
}

std::vector<Tensor> run(const BoundKernel& kernel, const std::vector<Tensor>& inputs) {
  if (plain(kernel.site)) {
    std::vector<std::string> findings;
    return run_once(kernel, inputs, 0xFF, {}, {}, findings);
  }
  std::vector<Tensor> outputs;
  std::vector<const void*> read;
  std::vector<void*> written;
  for (const Tensor& input : inputs) read.push_back(input.data());
  for (const Port& port : kernel.site.outputs) {
    outputs.emplace_back(port.spec);
    written.push_back(outputs.back().data());
  }
  const Tensor scratch(Spec{DType::u8, Shape{static_cast<std::int64_t>(kernel.plan.scratch_bytes)}});
  kernel.kernel->run({read.data(), written.data(), scratch.data()});
  return outputs;
}

WatchedRun run_watched(const BoundKernel& kernel, const std::vector<Tensor>& a, const std::vector<Tensor>& b,
                       const Execute& execute) {
  WatchedRun result;
  const auto go = [&](const std::vector<Tensor>& inputs, unsigned char poison, const Sharing& sharing = {}) {
    return run_once(kernel, inputs, poison, sharing, execute, result.findings);
  };
  // 0xFF… is a NaN, 0x2B… a number: an element that is not written differs between the runs.
  result.outputs = go(a, 0xFF);
  go(b, 0xFF);
  if (!same_bits(result.outputs, go(a, 0x2B))) {
    result.findings.emplace_back(
        "the result depends on what lay in the outputs or the scratch, or on the run before");
  }
  Sharing together;  // every output over an input of its own, as a program may run it
  for (const InPlace& pair : kernel.plan.in_place) {
    if (!same_bits(result.outputs, go(a, 0xFF, {.over = {pair}}))) {
      result.findings.push_back(
          fmt::format("output {} over input {} changes the result", pair.output, pair.input));
    }
    if (together.of_output(static_cast<std::size_t>(pair.output)) == nullptr &&
        !together.overwrites(static_cast<std::size_t>(pair.input)))
      together.over.push_back(pair);
  }
  if (together.over.size() > 1 && !same_bits(result.outputs, go(a, 0xFF, together)))
    result.findings.emplace_back("all outputs over inputs at once change the result");
  return result;
}

std::string depends_on_one_buffer(const BoundKernel& kernel, const std::vector<Tensor>& inputs) {
  std::vector<std::string> findings;
  for (std::size_t i = 0; i + 1 < inputs.size(); ++i) {
    for (std::size_t j = i + 1; j < inputs.size(); ++j) {
      if (inputs[i].spec() != inputs[j].spec() || kernel.plan.input_layout(i) != kernel.plan.input_layout(j))
        continue;
      std::vector<Tensor> equal;
      for (std::size_t k = 0; k < inputs.size(); ++k) equal.push_back(inputs[k == j ? i : k].clone());
      const std::vector<Tensor> apart = run_once(kernel, equal, 0xFF, {}, {}, findings);
      if (!same_bits(apart, run_once(kernel, equal, 0xFF, {.read = {i, j}}, {}, findings)))
        return fmt::format("inputs {} and {} in one buffer change the result", i, j);
    }
  }
  return "";
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(a[i].data(), b[i].data(), a[i].spec().bytes()) != 0) return false;
  }
  return a.size() == b.size();
}

}  // namespace assay::verify
