#include "assay/faults/faulty_backend.h"

#include <utility>

namespace assay::faults {
namespace {

class FaultyKernel final : public Kernel {
 public:
  FaultyKernel(KernelPtr real, Site site, const Plan& plan, std::size_t scratch_bytes, int threads,
               Damage damage)
      : real_(std::move(real)),
        site_(std::move(site)),
        scratch_bytes_(scratch_bytes),
        threads_(threads),
        damage_(std::move(damage)) {
    for (std::size_t i = 0; i < site_.inputs.size(); ++i) {
      const Spec& spec = site_.input(i);
      inputs_.push_back({nullptr, spec.dtype, plan.input_layout(i).bytes_of(spec)});
    }
    for (std::size_t o = 0; o < site_.outputs.size(); ++o) {
      const Spec& spec = site_.output(o);
      outputs_.push_back({nullptr, spec.dtype, plan.output_layout(o).bytes_of(spec)});
    }
  }

  void run(const Io& io) const override {
    Execution execution{*real_, io, site_, threads_, scratch_bytes_, inputs_, outputs_, memory_};
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      execution.inputs[i].data = const_cast<void*>(io.inputs[i]);
    for (std::size_t o = 0; o < outputs_.size(); ++o) execution.outputs[o].data = io.outputs[o];
    damage_(execution);
    ++memory_.runs;
  }

 private:
  KernelPtr real_;
  Site site_;
  std::size_t scratch_bytes_;
  int threads_;
  Damage damage_;
  std::vector<Buffer> inputs_, outputs_;
  mutable Execution::Memory memory_;  // what a correct kernel must not have
};

class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> real, std::string op, KernelFault fault, int threads)
      : real_(std::move(real)), op_(std::move(op)), fault_(std::move(fault)), threads_(threads) {}

  std::string_view name() const noexcept override { return real_->name(); }
  std::span<const Pattern> patterns() const override { return real_->patterns(); }
  std::string description() const override { return real_->description(); }
  KernelPtr reorder(const Spec& spec, const Layout& from, const Layout& to) const override {
    return real_->reorder(spec, from, to);
  }

  Offer offer(const Site& site) const override {
    if (site.ops.size() != 1 || site.op().name != op_) return real_->offer(site);
    Offer answer = fault_.misread ? misread(site) : real_->offer(site);
    auto* plan = std::get_if<Plan>(&answer);
    if (plan == nullptr) return answer;
    const std::size_t scratch = plan->scratch_bytes;
    if (fault_.plan) fault_.plan(*plan, site);
    if (!fault_.damage) return answer;
    const Plan declared = *plan;
    plan->bind = [declared, site, scratch, threads = threads_, damage = fault_.damage]() -> KernelPtr {
      return std::make_unique<FaultyKernel>(declared.bind(), site, declared, scratch, threads, damage);
    };
    return answer;
  }

 private:
  // The real backend's plan for another site of the same shapes. The fields live as long as the plan.
  Offer misread(const Site& site) const {
    const auto fields = std::make_shared<std::vector<Fields>>();
    Site other = site;
    if (!fault_.misread(other, *fields)) return real_->offer(site);
    Offer answer = real_->offer(other);
    auto* plan = std::get_if<Plan>(&answer);
    if (plan == nullptr) return real_->offer(site);
    plan->bind = [bind = plan->bind, fields] { return bind(); };
    return answer;
  }

  std::unique_ptr<Backend> real_;
  std::string op_;
  KernelFault fault_;
  int threads_;
};

}  // namespace

void damage_backend(Registry& registry, const std::string& backend, const std::string& op,
                    const KernelFault& fault) {
  BackendDef& def = *registry.backends.find(backend);
  def.create = [real = def.create, op, fault](const BackendContext& context) -> std::unique_ptr<Backend> {
    return std::make_unique<FaultyBackend>(real(context), op, fault, context.threads);
  };
}

std::vector<unsigned char> bytes_of(const Buffer& buffer) {
  const auto* data = static_cast<const unsigned char*>(buffer.data);
  return {data, data + buffer.bytes};
}

}  // namespace assay::faults
