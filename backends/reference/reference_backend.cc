#include "backends/reference/reference.h"

#include "assay/registry/registry.h"

namespace assay {
namespace {

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(const KernelTable& kernels) : kernels_(kernels) {}
  std::string_view name() const noexcept override { return "reference"; }
  Offer offer(const Site& site) const override {
    if (site.ops.size() != 1) return Refusal{"the reference computes each op by itself"};
    return kernels_.offer(site);
  }
  std::string description() const override { return "reference, scalar loops, 1 thread"; }

 private:
  const KernelTable& kernels_;
};

}  // namespace

BackendDef reference_backend() {
  BackendDef def;
  def.name = "reference";
  def.summary = "plain scalar loops, one per op: the executable definition of every op, on every dtype";
  def.kernels = [](KernelTable& kernels, std::string_view owner) {
    add_elementwise_kernels(kernels, owner);
    add_activation_kernels(kernels, owner);
    add_linear_kernels(kernels, owner);
    add_reduce_kernels(kernels, owner);
    add_movement_kernels(kernels, owner);
    add_conv_kernels(kernels, owner);
    add_pool_kernels(kernels, owner);
    add_normalize_kernels(kernels, owner);
    add_softmax_kernels(kernels, owner);
    add_dropout_kernels(kernels, owner);
    add_loss_kernels(kernels, owner);
    add_update_kernels(kernels, owner);
  };
  def.threaded = false;
  def.create = [](const BackendContext& context) {
    return std::make_unique<ReferenceBackend>(context.kernels);
  };
  return def;
}

}  // namespace assay
