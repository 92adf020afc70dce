// Setting: an experiment's first rows of a batch and its initial parameters in one dtype, bound by name to
// whatever graph of its model: what verify_experiment and the judgement of foreign traces start from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assay/experiment/problem.h"
#include "assay/experiment/trace.h"
#include "assay/verify/evaluate.h"

namespace assay::verify {

class Setting {
 public:
  /// At most `rows` rows of batch `batch` (from 0). The registry outlives the setting. Throws Error for what
  /// is wrong with the experiment, and for a batch that there is not.
  Setting(const Experiment& experiment, const Registry& registry, DType dtype, std::int64_t batch,
          std::int64_t rows);

  std::int64_t rows() const { return rows_; }
  DType dtype() const { return dtype_; }
  const Model& model() const { return problem_.model(); }
  const Backend& reference() const { return *reference_; }
  std::vector<std::string> parameters() const;
  /// Of these rows.
  Graph trace_graph(DType dtype) const { return model().trace_graph(rows_, dtype); }
  Graph training_graph(DType dtype) const { return model().training_graph(rows_, dtype); }
  Graph inference_graph(DType dtype) const { return model().inference_graph(rows_, dtype); }

  /// Inputs and states converted for a graph of whatever real dtype.
  Bindings bindings(const Graph& graph) const;
  void write_states(StateStore& states) const;
  void set_inputs(Program& program) const;

 private:
  // Everything that a graph of this model may ask for, by name.
  void bind();

  const Experiment experiment_;
  const Problem problem_;
  const DType dtype_;
  const std::unique_ptr<Backend> reference_;
  std::int64_t rows_ = 0;
  TraceBatch batch_;
  StateStore states_;
  Bindings bindings_;
};

}  // namespace assay::verify
