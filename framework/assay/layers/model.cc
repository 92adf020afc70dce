#include "assay/layers/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/graph/simplify.h"
#include "assay/layers/sample_shape.h"
#include "assay/ops/activation.h"

namespace assay {
namespace {

Graph finish(const Graph& graph) {
  Graph simplified = simplify(graph);
  verify_graph(simplified);
  return simplified;
}

// ∂L/∂value; zeros where the loss does not depend on it.
Value gradient(const Cotangents& cotangents, Value value) {
  const Value found = cotangents.find(value);
  return found ? found : value.graph().constant(0.0, value.dtype(), value.shape());
}

// Runs `action`, and adds the place and a frame of context to what it throws.
template <class F>
auto in_context(const std::string& frame, const std::optional<SourceRange>& where, F action) {
  try {
    return action();
  } catch (Error& error) {
    error.in(frame);
    if (where) error.at(*where);
    throw;
  }
}

}  // namespace

/// The part that every graph of a model begins with.
struct Model::Forward {
  Value input;
  Value target;
  Value loss;
  std::vector<Value> outputs;     ///< of each layer
  std::vector<Value> parameters;  ///< trained, in the order of their states
};

Model::Model(const Registry& registry, const ModelConfig& model, const ComponentConfig& loss,
             const ComponentConfig& optimizer)
    : registry_(registry), input_(model.input), loss_where_(loss.where), optimizer_where_(optimizer.where) {
  std::vector<Diagnostic> findings;
  const auto attempt = [&](const std::optional<SourceRange>& where, const auto& action) {
    try {
      action();
    } catch (Error& error) {
      if (where) error.at(*where);
      findings.insert(findings.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  };
  attempt(model.where, [&] {
    if (std::ranges::any_of(input_.extents(), [](std::int64_t extent) { return extent < 1; }))
      throw Error(
          fmt::format("the model's input is {} per sample, but extents count from 1", input_.to_string()));
    layers_ = resolve_layers(model.layers, registry.layers);
  });
  attempt(loss.where, [&] {
    loss_ = &registry.losses.at(loss.type);
    loss_fields_ = complete(loss_->fields, loss.fields, "loss '" + loss.type + "'");
  });
  attempt(optimizer.where, [&] {
    optimizer_ = &registry.optimizers.at(optimizer.type);
    optimizer_fields_ = complete(optimizer_->fields, optimizer.fields, "optimizer '" + optimizer.type + "'");
  });
  if (!findings.empty()) throw Error(std::move(findings));

  for (const ResolvedLayer& layer : layers_) {
    if (layer.def->index_limit.empty() || layer.inputs.front() != ResolvedLayer::kModelInput) continue;
    const std::int64_t limit = layer.fields.integer(layer.def->index_limit);
    index_limit_ = std::min(limit, index_limit_.value_or(limit));
  }
  probe();
}

// Builds a small training graph to learn the shapes and the states, which do not depend on the batch. A batch
// of two, because the variance of a batch of one says nothing.
void Model::probe() {
  constexpr std::int64_t kBatch = 2;
  Graph graph(registry_.ops);
  GraphBuild build{.graph = graph, .updates = true, .initializers = registry_.initializers};
  const Forward forward = build_forward(build, kBatch);
  build_updates(build, forward);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    LayerInfo info{.name = layers_[i].name,
                   .type = layers_[i].def->name,
                   .inputs = {},
                   .output = without_batch(forward.outputs[i].shape()),
                   .depth = layers_[i].depth};
    for (const int input : layers_[i].inputs) {
      info.inputs.push_back(
          input == ResolvedLayer::kModelInput ? "input" : layers_[static_cast<std::size_t>(input)].name);
    }
    for (const StateInfo& state : build.states) {
      if (state.kind == StateKind::parameter && state.layer == info.name)
        info.parameters += state.shape.count();
    }
    infos_.push_back(std::move(info));
  }
  states_ = std::move(build.states);
  prediction_ = infos_.back().output;
}

Model::Forward Model::build_forward(GraphBuild& build, std::int64_t batch) const {
  Graph& graph = build.graph;
  Forward forward;
  forward.input = graph.input("input", input_spec(batch, build.dtype));
  for (const ResolvedLayer& layer : layers_) {
    std::vector<Value> inputs;
    for (const int i : layer.inputs) {
      inputs.push_back(i == ResolvedLayer::kModelInput ? forward.input
                                                       : forward.outputs[static_cast<std::size_t>(i)]);
    }
    const Graph::Scope scope(graph, layer.name);
    forward.outputs.push_back(
        in_context(fmt::format("layer '{}' ({})", layer.name, layer.def->name), layer.where, [&] {
          require_readable(layer, inputs);
          LayerBuilder builder(build, layer, inputs);
          Value output = layer.def->build(builder);
          const auto passed_on = [&](Value input) { return input.id() == output.id(); };
          if (build.own_outputs && std::ranges::any_of(inputs, passed_on))
            output = activate("identity", output);
          builder.require_known_initializers();
          if (output.shape().rank() < 1 || output.shape()[0] != batch || !is_real(output.dtype())) {
            throw Error(
                fmt::format(
                    "the layer's output is {}, but real numbers with the batch ({}) as axis 0 are wanted",
                    output.spec().to_string(), batch))
                .help("this is a defect of the layer");
          }
          return output;
        }));
  }
  for (const StateInfo& state : build.states) {
    if (state.kind == StateKind::parameter)
      forward.parameters.push_back(graph.state(state.name, {build.dtype, state.shape}));
  }
  const Graph::Scope scope(graph, "loss");
  const Value prediction = forward.outputs.back();
  in_context(fmt::format("loss '{}'", loss_->name), loss_where_, [&] {
    forward.target = graph.input("target", assay::target_spec(*loss_, prediction.spec()));
    forward.loss = loss_->build(prediction, forward.target, loss_fields_);
  });
  return forward;
}

// Indices go into layers that read indices, and numbers into the others.
void Model::require_readable(const ResolvedLayer& layer, std::span<const Value> inputs) const {
  const bool reads_indices = !layer.def->index_limit.empty();
  for (const Value& input : inputs) {
    if (is_real(input.dtype()) != reads_indices) continue;
    if (reads_indices) {
      throw Error(
          fmt::format("the layer reads indices, but its input holds numbers ({})", input.spec().to_string()))
          .help("let it read the model's input: inputs: [input]");
    }
    throw Error("the layer reads numbers, but the model's input holds indices, because an embedding reads it")
        .help("put the layer behind the embedding");
  }
}

// Article, "General Backpropagation Algorithm", and then each parameter's step.
void Model::build_updates(GraphBuild& build, const Forward& forward) const {
  const Cotangents cotangents = differentiate(forward.loss, forward.parameters);
  const Graph::Scope scope(build.graph, "optimizer");
  std::vector<Value> gradients;
  for (const Value& parameter : forward.parameters) gradients.push_back(gradient(cotangents, parameter));
  build.graph.output("loss", forward.loss);
  // The norm reads every gradient once more, and keeps a backend from writing an update where its gradient is
  // made: it is there where something follows from it.
  if (optimizer_fields_.find("clip_norm") != nullptr && !gradients.empty()) {
    const Value norm = global_norm(gradients);
    build.graph.output("gradient_norm", norm);
    gradients = clip_by_global_norm(gradients, norm, optimizer_fields_.number("clip_norm"));
  }
  in_context(fmt::format("optimizer '{}'", optimizer_->name), optimizer_where_, [&] {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Value parameter = forward.parameters[i];
      const std::string name = build.graph.node(parameter.id()).name;
      UpdateBuilder update(build, optimizer_fields_, name, parameter, gradients[i]);
      optimizer_->update(update);
      const bool moves = std::ranges::any_of(build.graph.updates(),
                                             [&](const auto& pair) { return pair.first == parameter.id(); });
      if (!moves) {
        throw Error(fmt::format("its update rule does not say what '{}' becomes", name))
            .help("this is a defect of the optimizer: it calls update(parameter(), ...) for each parameter");
      }
    }
  });
}

Graph Model::training_graph(std::int64_t batch, DType dtype) const {
  Graph graph(registry_.ops);
  graph.input("input", input_spec(batch, dtype));
  graph.input("target", target_spec(batch, dtype));
  graph.input("learning_rate", {dtype, Shape{}});
  graph.input("step", {DType::i32, Shape{}});
  graph.input("key", {DType::i32, Shape{3}});
  graph.input("sample", {DType::i32, Shape{batch}});
  GraphBuild build{.graph = graph, .updates = true, .dtype = dtype, .initializers = registry_.initializers};
  build_updates(build, build_forward(build, batch));
  return finish(graph);
}

Graph Model::inference_graph(std::int64_t batch, DType dtype) const {
  Graph graph(registry_.ops);
  GraphBuild build{
      .graph = graph, .mode = Mode::inference, .dtype = dtype, .initializers = registry_.initializers};
  const Forward forward = build_forward(build, batch);
  graph.output("prediction", forward.outputs.back());
  graph.output("loss", forward.loss);
  return finish(graph);
}

Graph Model::trace_graph(std::int64_t batch, DType dtype) const {
  Graph graph(registry_.ops);
  graph.input("input", input_spec(batch, dtype));
  graph.input("target", target_spec(batch, dtype));
  graph.input("key", {DType::i32, Shape{3}});
  graph.input("sample", {DType::i32, Shape{batch}});
  // The gradient of a layer's output is not that of its input, even where the layer changes nothing.
  GraphBuild build{
      .graph = graph, .own_outputs = true, .dtype = dtype, .initializers = registry_.initializers};
  const Forward forward = build_forward(build, batch);

  std::vector<std::pair<std::string, Value>> traced;
  if (is_real(forward.input.dtype())) traced.emplace_back("input", forward.input);
  for (std::size_t i = 0; i < layers_.size(); ++i)
    traced.emplace_back(layers_[i].name + ".output", forward.outputs[i]);
  for (const Value& parameter : forward.parameters)
    traced.emplace_back(graph.node(parameter.id()).name, parameter);
  std::vector<Value> wanted;
  wanted.reserve(traced.size());
  for (const auto& [name, value] : traced) wanted.push_back(value);
  const Cotangents cotangents = differentiate(forward.loss, wanted);

  graph.output("input", forward.input);
  graph.output("target", forward.target);
  graph.output("loss", forward.loss);
  for (std::size_t i = 0; i < layers_.size(); ++i)
    graph.output(layers_[i].name + ".output", forward.outputs[i]);
  for (const StateInfo& state : build.states)
    graph.output(state.name, graph.state(state.name, {dtype, state.shape}));
  for (const auto& [name, value] : traced) graph.output("grad/" + name, gradient(cotangents, value));
  return finish(graph);
}

Spec Model::input_spec(std::int64_t batch, DType dtype) const {
  return {index_limit_ ? DType::i32 : dtype, with_batch(batch, input_)};
}

Spec Model::prediction_spec(std::int64_t batch, DType dtype) const {
  return {dtype, with_batch(batch, prediction_)};
}

Spec Model::target_spec(std::int64_t batch, DType dtype) const {
  return assay::target_spec(*loss_, prediction_spec(batch, dtype));
}

void Model::check_data(const Spec& input, const Spec& target) const {
  const std::string wanted = input_.to_string();
  if (without_batch(input.shape) != input_) {
    throw Error(fmt::format("the model's input is {}, but the data has {} per sample", wanted,
                            without_batch(input.shape).to_string()))
        .help("make model.input the shape of a sample, or choose other data");
  }
  if (index_limit_ && is_real(input.dtype)) {
    throw Error(
        fmt::format("the model reads indices in [0, {}), but the data has real numbers", *index_limit_))
        .help("give the data as integers");
  }
  in_context(fmt::format("loss '{}'", loss_->name), loss_where_,
             [&] { check_target(*loss_, prediction_spec(target.shape[0], DType::f64), target); });
}

std::int64_t Model::parameter_count() const {
  std::int64_t count = 0;
  for (const LayerInfo& info : infos_) count += info.parameters;
  return count;
}

Tensor Model::initial_value(const StateInfo& state, std::uint64_t seed, DType dtype) const {
  return assay::initial_value(registry_.initializers, state.initializer, state.name, state.shape, state.fans,
                              seed, dtype);
}

}  // namespace assay
