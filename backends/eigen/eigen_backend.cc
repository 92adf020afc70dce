#include "backends/eigen/eigen_backend.h"

#include <Eigen/src/Core/util/Macros.h>
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "assay/core/isa.h"
#include "assay/program/descent.h"
#include "backends/eigen/offers.h"

namespace assay {
namespace {

class EigenBackend final : public Backend {
 public:
  explicit EigenBackend(const KernelTable& kernels) : kernels_(kernels) {
    const auto activations = eigen::fusible_activations();
    const std::vector<std::string> last(activations.begin(), activations.end());
    patterns_ = {{"product and activation", {{"linear", "conv2d"}, last}}, descent_pattern()};
  }

  std::string_view name() const noexcept override { return "eigen"; }
  Offer offer(const Site& site) const override {
    // The kernels of the table, a plugin's among them, know single ops only.
    if (site.ops.size() == 1) return kernels_.offer(site);
    if (site.op().name == "matmul") return eigen::descent_rule()(site);
    return site.op().name == "linear" ? eigen::linear_rule()(site) : eigen::conv2d_rule()(site);
  }
  std::span<const Pattern> patterns() const override { return patterns_; }
  std::string description() const override {
    return fmt::format("eigen {}.{}.{}, 1 thread, {}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                       EIGEN_MINOR_VERSION, name_of(selected_isa()));
  }

 private:
  const KernelTable& kernels_;
  std::vector<Pattern> patterns_;
};

}  // namespace

BackendDef eigen_backend() {
  BackendDef def;
  def.name = "eigen";
  def.summary = "Eigen: matrix products and vectorised functions on one thread, in f32 and f64";
  def.kernels = [](KernelTable& kernels, std::string_view owner) {
    eigen::add_linear_kernels(kernels, owner);
    eigen::add_conv_kernels(kernels, owner);
    eigen::add_elementwise_kernels(kernels, owner);
    eigen::add_activation_kernels(kernels, owner);
    eigen::add_movement_kernels(kernels, owner);
    eigen::add_pool_kernels(kernels, owner);
    eigen::add_normalization_kernels(kernels, owner);
    eigen::add_softmax_kernels(kernels, owner);
    eigen::add_dropout_kernels(kernels, owner);
    eigen::add_update_kernels(kernels, owner);
  };
  def.threaded = false;
  def.create = [](const BackendContext& context) -> std::unique_ptr<Backend> {
    return std::make_unique<EigenBackend>(context.kernels);
  };
  return def;
}

}  // namespace assay
