// Model: layers, a loss and an optimizer as graphs over one state. It knows nothing of files, data or
// backends: it turns configurations into graphs, lists the state that they share, and draws its first values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/graph/graph.h"
#include "assay/layers/layer.h"
#include "assay/layers/resolve.h"
#include "assay/registry/registry.h"

namespace assay {

struct ModelConfig {
  Shape input;  ///< of one sample
  std::vector<LayerConfig> layers;
  std::optional<SourceRange> where{};
};

/// A loss or an optimizer as an experiment describes it.
struct ComponentConfig {
  std::string type;
  Fields fields{};
  std::optional<SourceRange> where{};
};

/// One line of a model's summary.
struct LayerInfo {
  std::string name;
  std::string type;
  std::vector<std::string> inputs;  ///< names of layers, or "input"
  Shape output;                     ///< of one sample
  std::int64_t parameters = 0;      ///< trained numbers
  int depth = 0;                    ///< how many blocks it stands in
};

class Model {
 public:
  /// Resolves names, builds once, and so finds whatever does not fit. Throws Error with the findings. The
  /// registry outlives the model.
  Model(const Registry& registry, const ModelConfig& model, const ComponentConfig& loss,
        const ComponentConfig& optimizer);

  /// One step. Inputs: input, target, learning_rate (real scalar), step (i32 scalar, counting from 1), key
  /// (i32 [3]), sample (i32 [batch]), all of them in every model. Outputs: loss, and where gradients
  /// are clipped, gradient_norm before that. Updates: every parameter, optimizer slot and running statistic.
  Graph training_graph(std::int64_t batch, DType dtype) const;

  /// Inputs: input, target. Outputs: prediction (the last layer's output) and loss. No updates.
  Graph inference_graph(std::int64_t batch, DType dtype) const;

  /// Forward and backward in training mode, without updates. Inputs: input, target, key, sample. Outputs:
  /// input, target, loss; <layer>.output of every layer; <layer>.<parameter> of every parameter and
  /// statistic; grad/<layer>.<parameter> of every parameter; grad/<layer>.output and grad/input, unless the
  /// value holds indices.
  Graph trace_graph(std::int64_t batch, DType dtype) const;

  Spec input_spec(std::int64_t batch, DType dtype) const;  ///< i32 where a layer reads the input as indices
  Spec target_spec(std::int64_t batch, DType dtype) const;
  Spec prediction_spec(std::int64_t batch, DType dtype) const;
  /// Indices in the input stay below this; nothing where the input is real.
  std::optional<std::int64_t> index_limit() const { return index_limit_; }
  /// Throws Error, with what to change, unless data whose samples and targets have these specs (batch
  /// included) fit.
  void check_data(const Spec& input, const Spec& target) const;

  /// In the order of evaluation.
  std::span<const LayerInfo> layers() const { return infos_; }
  /// Parameters and statistics in the order of the layers, then the optimizer's slots.
  std::span<const StateInfo> states() const { return states_; }
  /// How many numbers are trained.
  std::int64_t parameter_count() const;
  /// The optimizer's learning_rate: the base of the schedule.
  double learning_rate() const { return optimizer_fields_.number("learning_rate"); }
  const LossDef& loss() const { return *loss_; }

  /// The value of a state before the first step.
  Tensor initial_value(const StateInfo& state, std::uint64_t seed, DType dtype) const;

 private:
  struct Forward;
  Forward build_forward(GraphBuild& build, std::int64_t batch) const;
  void build_updates(GraphBuild& build, const Forward& forward) const;
  void require_readable(const ResolvedLayer& layer, std::span<const Value> inputs) const;
  void probe();

  const Registry& registry_;
  Shape input_;
  std::vector<ResolvedLayer> layers_;
  std::optional<std::int64_t> index_limit_;
  const LossDef* loss_ = nullptr;
  Fields loss_fields_;
  std::optional<SourceRange> loss_where_;
  const OptimizerDef* optimizer_ = nullptr;
  Fields optimizer_fields_;
  std::optional<SourceRange> optimizer_where_;
  Shape prediction_;  // of one sample
  std::vector<LayerInfo> infos_;
  std::vector<StateInfo> states_;
};

}  // namespace assay
