#include "backends/onednn/onednn_backend.h"

#include <dnnl_debug.h>
#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/core/isa.h"
#include "assay/program/descent.h"
#include "backends/onednn/context.h"
#include "backends/onednn/sequence.h"

namespace assay {
namespace onednn {
namespace {

// Whether a site has work for so many threads. A team costs each of its threads up to a microsecond, and more
// where other programs use the processor: as much as this many multiply-adds, or elements read and written.
bool is_worth(const Site& site, int threads) {
  constexpr double kMultiplyAdds = 65536, kElements = 16384;
  double work = 0;
  for (const SiteOp& op : site.ops) {
    if (op.op->multiply_adds)
      work += op.op->multiply_adds({op.inputs, *op.fields}, op.outputs) / kMultiplyAdds;
  }
  for (const auto* ports : {&site.inputs, &site.outputs}) {
    for (const Port& port : *ports) work += static_cast<double>(port.spec.count()) / kElements;
  }
  return work >= threads;
}

class OnednnBackend final : public Backend {
 public:
  explicit OnednnBackend(const BackendContext& given) : threads_(given.threads), plugins_(given.kernels) {
    context_.winograd = given.fields.boolean("winograd");
    add_linear_kernels(kernels_, context_);
    add_convolution_kernels(kernels_, context_);
    add_pooling_kernels(kernels_, context_);
    add_normalization_kernels(kernels_, context_);
    add_softmax_kernels(kernels_, context_);
    add_eltwise_kernels(kernels_, context_);
    add_binary_kernels(kernels_, context_);
    add_reduction_kernels(kernels_, context_);
    add_movement_kernels(kernels_, context_);
    add_update_kernels(kernels_, context_);

    std::vector<std::string> activations;
    for (const char* name : {"relu", "sigmoid", "tanh", "leaky_relu", "hard_swish"})
      activations.emplace_back(name);
    patterns_ = {{"linear + activation", {{"linear"}, activations}},
                 {"conv2d + activation", {{"conv2d"}, activations}},
                 {"batch normalisation + relu", {{"batch_norm", "batch_norm_inference"}, {"relu"}}},
                 descent_pattern(),
                 {"gradient of max_pool2d after relu", {{"max_pool2d_grad"}, {"relu_grad"}}},
                 {"gradient of relu after batch normalisation", {{"relu_grad"}, {"batch_norm_grad"}}}};
  }

  std::string_view name() const noexcept override { return "onednn"; }
  std::span<const Pattern> patterns() const override { return patterns_; }

  // What plugins add to this backend is asked before its own kernels; they know single ops only.
  Offer offer(const Site& site) const override {
    Refusal refused;
    if (site.ops.size() == 1 && plugins_.entries().contains(site.op().name)) {
      Offer answer = plugins_.offer(site);
      if (std::holds_alternative<Plan>(answer)) return answer;
      refused.reason = std::get<Refusal>(answer).reason + "; ";
    }
    Offer answer = own_offer(site);
    if (Refusal* refusal = std::get_if<Refusal>(&answer)) refusal->reason = refused.reason + refusal->reason;
    return answer;
  }

  KernelPtr reorder(const Spec& spec, const Layout& from, const Layout& to) const override {
    const MemoryDesc* source = context_.layouts.find(from);
    const MemoryDesc* target = context_.layouts.find(to);
    if (source == nullptr && target == nullptr) return nullptr;
    // A canonical value has the axes of the layout that it comes from or goes to.
    const auto type = data_type_of(spec.dtype);
    const auto canonical = [&](const MemoryDesc& like) { return row_major(blocking_of(like)->dims, type); };
    context_.threads = threads_;
    const onednn::ThreadScope threads(threads_);
    Sequence sequence(context_);
    try {
      sequence.add(onednn::reorder(context_.engine, source != nullptr ? *source : canonical(*target),
                                   target != nullptr ? *target : canonical(*source)),
                   {{DNNL_ARG_FROM, Buffer::input(0)}, {DNNL_ARG_TO, Buffer::output(0)}});
    } catch (const dnnl::error& error) {
      throw Error(fmt::format("oneDNN cannot reorder {} from '{}' to '{}': {}", spec.to_string(), from.key,
                              to.key, dnnl_status2str(error.status)));
    }
    return sequence.bind();
  }

  std::string description() const override;

 private:
  Offer own_offer(const Site& site) const {
    for (const auto* ports : {&site.inputs, &site.outputs}) {
      for (const Port& port : *ports) {
        if (is_real(port.spec.dtype) && port.spec.dtype != DType::f32) {
          return Refusal{fmt::format("dtype {} (this backend has f32 only)", name_of(port.spec.dtype))};
        }
        if (port.spec.count() == 0) return Refusal{"an operand without elements"};
      }
    }
    context_.threads = is_worth(site, threads_) ? threads_ : 1;
    const ThreadScope threads(context_.threads);
    try {
      return kernels_.offer(site);
    } catch (const dnnl::error& error) {
      return Refusal{fmt::format("oneDNN has no primitive for this: {} ({})", error.what(),
                                 dnnl_status2str(error.status))};
    }
  }

  const int threads_;
  const KernelTable& plugins_;
  mutable Context context_;  // planning adds layouts, and chooses the threads of each site
  KernelTable kernels_;
  std::vector<Pattern> patterns_;
};

struct IsaName {
  dnnl::cpu_isa isa;
  const char* name;
};

const char* effective_isa() {
  constexpr IsaName names[] = {{dnnl::cpu_isa::sse41, "sse41"},
                               {dnnl::cpu_isa::avx, "avx"},
                               {dnnl::cpu_isa::avx2, "avx2"},
                               {dnnl::cpu_isa::avx512_core, "avx512_core"},
                               {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni"},
                               {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16"}};
  const char* best = "generic";
  const auto bits = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  for (const IsaName& entry : names) {
    const auto wanted = static_cast<unsigned>(entry.isa);
    if ((bits & wanted) == wanted) best = entry.name;
  }
  return best;
}

std::string OnednnBackend::description() const {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{} on {}, own loops on {}, {} thread{}{}", version->major, version->minor,
                     version->patch, effective_isa(), name_of(selected_isa()), threads_,
                     threads_ == 1 ? "" : "s", context_.winograd ? ", winograd" : "");
}

}  // namespace

bool has_fused_multiply_add() {
  const auto bits = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto avx2 = static_cast<unsigned>(dnnl::cpu_isa::avx2);
  return (bits & avx2) == avx2;
}

}  // namespace onednn

BackendDef onednn_backend() {
  BackendDef def;
  def.name = "onednn";
  def.summary = "oneDNN's primitives, f32";
  def.fields = {{.name = "winograd",
                 .kind = FieldKind::boolean,
                 .summary = "let convolutions use the winograd algorithm, which rounds differently",
                 .fallback = false}};
  def.rewriting.push_back(Fields{{"winograd", true}});
  def.same_bits_on_any_threads = false;  // its partition of a sum follows the number of threads
  def.create = [](const BackendContext& context) { return std::make_unique<onednn::OnednnBackend>(context); };
  return def;
}

}  // namespace assay
