// Layers: named parameters with initialisers, and a recipe that builds ops. No kernels here.
//
// A complete layer, y = x ⊙ weight:
//
//   LayerDef scale;
//   scale.name = "scale";
//   scale.summary = "multiplies each feature by a number of its own";
//   scale.formula = "y = x ⊙ w";
//   scale.parameters = {{"weight", "the shape of a sample", "ones"}};
//   scale.build = [](LayerBuilder& layer) {
//     const Shape shape = without_batch(layer.input().shape());
//     return mul(layer.input(), layer.parameter("weight", shape, {.type = "ones"}));
//   };
//   registry.layers.add("scale", scale, owner);
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/named_table.h"
#include "assay/graph/fields.h"
#include "assay/graph/graph.h"
#include "assay/layers/initializer.h"

namespace assay {

/// A layer as an experiment describes it.
struct LayerConfig {
  std::string type;
  std::string name{};                 ///< empty: numbered by type, see resolve.h
  std::vector<std::string> inputs{};  ///< names of layers above, or "input"; empty: the layer above
  Fields fields{};
  /// By parameter; the others start as the layer says. One without a parameter's name is for "weight".
  std::map<std::string, InitializerConfig> init{};
  std::vector<LayerConfig> layers{};  ///< of a nested layer: its block
  std::optional<SourceRange> where{};
};

/// Training uses the batch's statistics and drops out; inference uses running statistics and drops nothing.
enum class Mode : std::uint8_t { training, inference };

enum class StateKind : std::uint8_t {
  parameter,  ///< trained
  statistic,  ///< measured while training, used by inference
  slot,       ///< what the optimizer remembers of a parameter
};

/// A value that outlives a step: a real tensor of the numeric dtype.
struct StateInfo {
  std::string name;   ///< "<layer>.<parameter>"; of a slot "optimizer/<slot>/<layer>.<parameter>"
  std::string layer;  ///< that it belongs to
  Shape shape;
  StateKind kind = StateKind::parameter;
  InitializerConfig initializer{};  ///< complete
  Fans fans{};
};

struct ResolvedLayer;

/// What all layers of one graph share.
struct GraphBuild {
  Graph& graph;
  Mode mode = Mode::training;
  bool updates = false;      ///< whether statistics take their successors
  bool own_outputs = false;  ///< whether a layer that passes its input on makes a value of it
  DType dtype = DType::f32;
  const InitializerTable& initializers;
  std::vector<StateInfo> states{};  ///< in the order in which layers ask for them
};

/// What a layer's recipe sees of the model that it is built into.
class LayerBuilder {
 public:
  LayerBuilder(GraphBuild& build, const ResolvedLayer& layer, std::vector<Value> inputs);

  const std::string& name() const;
  const Fields& fields() const;  ///< complete
  Mode mode() const { return build_.mode; }
  DType dtype() const { return build_.dtype; }
  Graph& graph() const { return build_.graph; }

  std::size_t input_count() const { return inputs_.size(); }
  Value input(std::size_t i = 0) const { return inputs_[i]; }

  /// A trained parameter "<layer>.<name>", started as the experiment says, or else by `fallback`. Throws
  /// Error for an initialiser that does not fit.
  Value parameter(std::string_view name, const Shape& shape, const InitializerConfig& fallback,
                  Fans fans = {});
  /// A running statistic "<layer>.<name>" that starts with every element at `initial`.
  Value statistic(std::string_view name, const Shape& shape, double initial);
  /// What a statistic becomes after a training step. Ignored in graphs that do not train.
  void update(Value statistic, Value successor);

  /// Inputs of random ops (see ops/dropout.h): i32 [3] = {seed low, seed high, step}, and the index of each
  /// sample, i32 [B].
  Value key();
  Value sample();
  /// A stable id for this layer's random numbers, made from its name: no two layers draw the same.
  std::uint32_t stream() const;

  /// Throws Error if the experiment initialises a parameter that the layer did not ask for.
  void require_known_initializers() const;

 private:
  Value state(std::string_view name, const Shape& shape, StateKind kind, const InitializerConfig& fallback,
              Fans fans);

  GraphBuild& build_;
  const ResolvedLayer& layer_;
  std::vector<Value> inputs_;
  std::vector<std::string> parameters_;
};

struct ParameterDoc {
  std::string name;
  std::string shape;        ///< "[out, in]"
  std::string initializer;  ///< how it starts where the experiment does not say
};

struct LayerDef {
  std::string name;
  std::string summary;
  std::string formula;
  std::vector<FieldDef> fields{};
  std::vector<ParameterDoc> parameters{};
  bool merges = false;  ///< takes two or more inputs
  bool nested = false;  ///< holds a block of layers: input(0) goes into the block, input(1) comes out of it
  /// Of a layer that reads i32 indices: its integer field that they stay below. Empty: it reads real numbers.
  std::string index_limit{};
  /// Builds the layer's ops and returns its output. Axis 0 of every value is the batch. Throws Error for
  /// inputs that do not fit, showing both sides and a remedy; the caller adds the layer's name and place.
  std::function<Value(LayerBuilder&)> build;
};

using LayerTable = NamedTable<LayerDef>;

/// The layer of an activation op: {type: <op's name>} with the op's fields.
LayerDef activation_layer(const OpDef& op);

/// All built-in layers, and one for each activation in `ops`.
void register_layers(LayerTable& layers, const OpTable& ops, const std::string& owner);

}  // namespace assay
