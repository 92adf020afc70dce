#include "assay/layers/layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "assay/core/random.h"
#include "assay/layers/resolve.h"

namespace assay {

LayerBuilder::LayerBuilder(GraphBuild& build, const ResolvedLayer& layer, std::vector<Value> inputs)
    : build_(build), layer_(layer), inputs_(std::move(inputs)) {}

const std::string& LayerBuilder::name() const { return layer_.name; }
const Fields& LayerBuilder::fields() const { return layer_.fields; }

Value LayerBuilder::state(std::string_view name, const Shape& shape, StateKind kind,
                          const InitializerConfig& fallback, Fans fans) {
  StateInfo info{.name = fmt::format("{}.{}", layer_.name, name),
                 .layer = layer_.name,
                 .shape = shape,
                 .kind = kind,
                 .fans = fans};
  const auto configured = layer_.init.find(std::string(name));
  const InitializerConfig& chosen = configured == layer_.init.end() ? fallback : configured->second;
  try {
    info.initializer = complete_initializer(build_.initializers, chosen, info.name, shape);
  } catch (Error& error) {
    if (chosen.where) error.at(*chosen.where);
    throw;
  }
  const Value value = build_.graph.state(info.name, {build_.dtype, shape});
  parameters_.emplace_back(name);
  build_.states.push_back(std::move(info));
  return value;
}

Value LayerBuilder::parameter(std::string_view name, const Shape& shape, const InitializerConfig& fallback,
                              Fans fans) {
  return state(name, shape, StateKind::parameter, fallback, fans);
}

Value LayerBuilder::statistic(std::string_view name, const Shape& shape, double initial) {
  return state(name, shape, StateKind::statistic, {.type = "constant", .fields = {{"value", initial}}}, {});
}

void LayerBuilder::update(Value statistic, Value successor) {
  if (build_.updates) build_.graph.update(statistic, successor);
}

Value LayerBuilder::key() { return build_.graph.input("key", {DType::i32, Shape{3}}); }

Value LayerBuilder::sample() {
  return build_.graph.input("sample", {DType::i32, Shape{inputs_.front().shape()[0]}});
}

std::uint32_t LayerBuilder::stream() const { return stream_id("layer/" + layer_.name); }

void LayerBuilder::require_known_initializers() const {
  for (const auto& [name, config] : layer_.init) {
    if (std::ranges::find(parameters_, name) != parameters_.end()) continue;
    Error error(fmt::format("layer '{}' has no parameter '{}' to initialise", layer_.name, name));
    error.help(suggestion("parameter", name, parameters_));
    if (config.where) error.at(*config.where);
    throw error;
  }
}

}  // namespace assay
