#include "assay/verify/layouts.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "assay/verify/op_site.h"

namespace assay::verify {
namespace {

// Channels that a convolution reads as whole blocks.
constexpr std::int64_t kWholeBlocks = 16;

// Of an output of the op, with its first input in layout `first`. Canonical where the backend refuses it.
Layout layout_made_by(const Registry& registry, const Backend& backend, std::string_view op, const Case& c,
                      const Layout& first, std::size_t output) {
  const OpSite made = make_op_site(registry.ops, registry.ops.at(op), c, DType::f32);
  Site site = made.site();
  site.inputs[0].layout = first;
  const Offer offer = backend.offer(site);
  const Plan* const plan = std::get_if<Plan>(&offer);
  return plan == nullptr ? Layout{} : plan->output_layout(output);
}

Layout layout_of_image(const Registry& registry, const Backend& backend, const Shape& image) {
  const Case c{"",
               {{Shape{image[0], kWholeBlocks, image[2], image[3]}}, {Shape{image[1], kWholeBlocks, 3, 3}}},
               {{"padding", std::vector<std::int64_t>{1, 1, 1, 1}}}};
  return layout_made_by(registry, backend, "conv2d", c, {}, 0);
}

Layout layout_of_indices(const Registry& registry, const Backend& backend, const Shape& image) {
  const std::vector<std::int64_t> one{1, 1};
  return layout_made_by(registry, backend, "max_pool2d", {"", {{image}}, {{"size", one}, {"stride", one}}},
                        layout_of_image(registry, backend, image), 1);
}

// Rows of a batch, of which a backend may let depend how it stores a weight.
constexpr std::int64_t kBatch = 32;

Layout layout_of_weight(const Registry& registry, const Backend& backend, const Shape& weight) {
  const Case c{"", {{Shape{kBatch, weight[1]}}, {weight}}};
  const OpSite layer = make_op_site(registry.ops, registry.ops.at("linear"), c, DType::f32);
  Site site = layer.site();
  site.inputs[1].layout_free = site.inputs[1].read_once = true;
  const Offer offer = backend.offer(site);
  const Plan* const plan = std::get_if<Plan>(&offer);
  return plan == nullptr ? Layout{} : plan->input_layout(1);
}

}  // namespace

std::optional<Site> as_convolutions_leave_it(const Registry& registry, const Backend& backend, Site site) {
  const auto& known = registry.ops.entries();
  if (!known.contains("conv2d") || !known.contains("max_pool2d")) return std::nullopt;
  bool moved = false;
  for (Port& port : site.inputs) {
    const Shape& shape = port.spec.shape;
    if (shape.rank() != 4 || shape.count() == 0) continue;
    if (port.spec.dtype == DType::f32) port.layout = layout_of_image(registry, backend, shape);
    if (port.spec.dtype == DType::i32) port.layout = layout_of_indices(registry, backend, shape);
    moved = moved || !port.layout.canonical();
  }
  if (!moved) return std::nullopt;
  return site;
}

std::optional<Site> as_first_layers_leave_it(const Registry& registry, const Backend& backend, Site site) {
  if (!registry.ops.entries().contains("linear")) return std::nullopt;
  bool moved = false;
  for (auto* const ports : {&site.inputs, &site.outputs}) {
    for (Port& port : *ports) {
      const Shape& shape = port.spec.shape;
      if (shape.rank() != 2 || shape.count() == 0 || port.spec.dtype != DType::f32) continue;
      port.layout = layout_of_weight(registry, backend, shape);
      moved = moved || !port.layout.canonical();
    }
  }
  if (!moved) return std::nullopt;
  return site;
}

std::optional<std::vector<Tensor>> with_indices_of_tiles(const Registry& registry, const KernelCase& subject,
                                                         const Draw& draw) {
  const std::vector<CaseInput>& inputs = subject.geometry->inputs;
  const auto index = std::ranges::find(inputs, Domain::index, &CaseInput::domain);
  const Shape& image = subject.kernel.site.output().shape;
  if (index == inputs.end() || index->shape.rank() != 4 || image.rank() != 4 || image.count() == 0)
    return std::nullopt;
  const Shape& tiles = index->shape;
  if (tiles[2] == 0 || tiles[3] == 0 || image[2] % tiles[2] != 0 || image[3] % tiles[3] != 0)
    return std::nullopt;
  const std::vector<std::int64_t> tile{image[2] / tiles[2], image[3] / tiles[3]};
  const Case pooling{"", {{image}}, {{"size", tile}, {"stride", tile}}};
  const OpSite pooled = make_op_site(registry.ops, registry.ops.at("max_pool2d"), pooling, subject.dtype);
  std::string refusal;
  const BoundKernel kernel = bind_kernel(*subject.reference, pooled.site(), refusal);
  if (!kernel.kernel) return std::nullopt;
  std::vector<Tensor> drawn = make_inputs(*subject.geometry, subject.dtype, draw);
  drawn[static_cast<std::size_t>(index - inputs.begin())] =
      std::move(run(kernel, make_inputs(pooling, subject.dtype, {.seed = draw.seed}))[1]);
  return drawn;
}

}  // namespace assay::verify
