// What several tests of models share: configurations, the worked example, and a model that runs on the
// reference.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"
#include "assay/layers/model.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {

inline LayerConfig dense(std::int64_t units, std::string name = "", std::vector<std::string> inputs = {}) {
  return {
      .type = "dense", .name = std::move(name), .inputs = std::move(inputs), .fields = {{"units", units}}};
}

/// The network of the article's "Detailed Example: Two-Layer Network".
inline Model worked_example(const Registry& registry, const ComponentConfig& optimizer = {.type = "sgd"}) {
  LayerConfig hidden = dense(2, "hidden");
  hidden.init = {{"weight", {.given = Array{Shape{2, 1}, {0.5, -0.3}}}},
                 {"bias", {.given = Array{Shape{2}, {0.1, -0.2}}}}};
  LayerConfig out = dense(1, "out");
  out.init = {{"weight", {.given = Array{Shape{1, 2}, {0.8, -0.4}}}},
              {"bias", {.given = Array{Shape{1}, {0.3}}}}};
  return {registry,
          {Shape{1}, {hidden, {.type = "sigmoid"}, out, {.type = "sigmoid"}}},
          {.type = "half_squared_error"},
          optimizer};
}

/// Builds models from layers, with everything that is built in.
class ModelTest : public ::testing::Test {
 protected:
  ModelTest() { register_builtin(registry_); }

  Model model(const Shape& input, std::vector<LayerConfig> layers, std::string loss = "half_squared_error",
              const ComponentConfig& optimizer = {.type = "sgd"}) {
    return {registry_, {input, std::move(layers)}, {.type = std::move(loss)}, optimizer};
  }
  std::string error_of(const Shape& input, std::vector<LayerConfig> layers,
                       std::string loss = "half_squared_error",
                       const ComponentConfig& optimizer = {.type = "sgd"}) {
    try {
      model(input, std::move(layers), std::move(loss), optimizer);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  Registry registry_;
};

/// Programs of one model over one state, on the reference backend.
class ReferenceRun {
 public:
  ReferenceRun(const Registry& registry, const Model& model, DType dtype)
      : dtype_(dtype), reference_(registry.create_backend("reference", {}, 1)), backends_{reference_.get()} {
    for (const StateInfo& state : model.states()) {
      states_.declare(state.name, {dtype, state.shape});
      states_.write(state.name, model.initial_value(state, 0, dtype).view());
    }
  }

  Program compile(const Graph& graph) { return Program::compile(graph, backends_, states_, arena_); }
  void set(Program& program, std::string_view name, const std::vector<double>& values) const {
    const TensorView view = program.input(name);
    convert(Tensor::of(DType::f64, view.spec.shape, values).view(), view);
  }
  std::vector<double> state(std::string_view name) const { return to_doubles(states_.read(name).view()); }
  void write(std::string_view name, const TensorView& value) { states_.write(name, value); }
  void write(std::string_view name, const Shape& shape, const std::vector<double>& values) {
    states_.write(name, Tensor::of(DType::f64, shape, values).view());
  }
  /// As the dtype of the run rounds it.
  double rounded(double x) const {
    return dtype_ == DType::f32 ? static_cast<double>(static_cast<float>(x)) : x;
  }

 private:
  DType dtype_;
  std::unique_ptr<Backend> reference_;
  std::vector<const Backend*> backends_;
  StateStore states_;
  Arena arena_;
};

inline std::vector<double> get(Program& program, std::string_view name) {
  return to_doubles(program.output(name));
}

}  // namespace assay
