#include "backends/openmp/openmp_backend.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "assay/core/isa.h"
#include "assay/program/descent.h"
#include "backends/openmp/offers.h"

namespace assay {
namespace {

class OpenmpBackend final : public Backend {
 public:
  explicit OpenmpBackend(const BackendContext& context)
      : plugins_(context.kernels), threads_(context.threads), winograd_(context.fields.boolean("winograd")) {
    openmp::Offers offers(kernels_, threads_);
    openmp::add_linear_offers(offers);
    openmp::add_conv_offers(offers, winograd_);
    openmp::add_pool_offers(offers);
    openmp::add_dropout_offers(offers);
    openmp::add_gather_offers(offers);
    openmp::add_elementwise_offers(offers);
    openmp::add_activation_offers(offers);
    openmp::add_update_offers(offers);
    openmp::add_reduction_offers(offers);
    openmp::add_loss_offers(offers);
    openmp::add_softmax_offers(offers);
    openmp::add_normalization_offers(offers);
    openmp::add_movement_offers(offers);
    const auto activations = openmp::fusible_activations();
    const std::vector<std::string> last(activations.begin(), activations.end());
    patterns_ = {{"product and activation", {{"linear", "conv2d"}, last}},
                 {"batch normalisation + relu", {{"batch_norm", "batch_norm_inference"}, {"relu"}}},
                 {"gradient of max_pool2d after relu", {{"max_pool2d_grad"}, {"relu_grad"}}},
                 {"gradient of relu after batch normalisation", {{"relu_grad"}, {"batch_norm_grad"}}},
                 descent_pattern()};
  }

  std::string_view name() const noexcept override { return "openmp"; }
  std::span<const Pattern> patterns() const override { return patterns_; }

  // Kernels that a plugin adds to this backend are asked before its own; they know single ops only.
  Offer offer(const Site& site) const override {
    if (site.ops.size() > 1 || !plugins_.entries().contains(site.op().name)) return kernels_.offer(site);
    Offer answer = plugins_.offer(site);
    if (std::holds_alternative<Plan>(answer)) return answer;
    Offer own = kernels_.offer(site);
    if (Refusal* refusal = std::get_if<Refusal>(&own)) {
      refusal->reason = std::get<Refusal>(answer).reason + "; " + refusal->reason;
    }
    return own;
  }

  std::string description() const override {
    return fmt::format("openmp, {} thread{}, {}{}", threads_, threads_ == 1 ? "" : "s",
                       name_of(selected_isa()), winograd_ ? ", winograd" : "");
  }

 private:
  const KernelTable& plugins_;
  int threads_;
  bool winograd_;
  KernelTable kernels_;
  std::vector<Pattern> patterns_;
};

}  // namespace

BackendDef openmp_backend() {
  BackendDef def;
  def.name = "openmp";
  def.summary = "the project's own threaded, vectorised kernels, f32 and f64; the same bits on any threads";
  def.fields = {{.name = "winograd",
                 .kind = FieldKind::boolean,
                 .summary = "let convolutions use the winograd algorithm, which rounds differently",
                 .fallback = false}};
  def.rewriting.push_back(Fields{{"winograd", true}});
  def.create = [](const BackendContext& context) { return std::make_unique<OpenmpBackend>(context); };
  return def;
}

}  // namespace assay
