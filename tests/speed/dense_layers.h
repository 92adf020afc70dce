// Dense layers with relu between them and softmax with cross-entropy behind, by the library's matrix
// products: b, c and d as a whole, and the end of e and f. The tricks: the gradient of the loss is scaled by
// −η once, so that every product of it is a step and not a gradient, and is added to the weight where it is
// made; and weights may lie as [in, out], so that the backward product is the one that reads them transposed.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "speed/by_hand.h"
#include "speed/call.h"

namespace assay::speed {

struct DenseWays {
  bool weights_in_out = false;  ///< weights lie as [in, out]
  bool folded = true;           ///< a step is added to the weight by the product that makes it
};

class DenseLayers {
 public:
  /// `input` [batch, …] is read by every step and outlives the layers. With `input_delta`, step() leaves
  /// −η ∂L/∂input there.
  DenseLayers(const Problem& problem, const StateStore& states, DenseWays ways, Place& input,
              Place* input_delta);

  void step();
  double loss() const { return loss_; }

 private:
  using Dim = dnnl::memory::dim;
  void make_calls(Place& input, Place* input_delta);
  void loss_and_delta();
  void relu_backward(std::size_t l);
  void add_column_sums(std::size_t l);

  DenseWays ways_;
  float rate_;
  int threads_;
  Dim batch_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<std::int32_t> labels_;
  std::vector<std::pair<Dim, Dim>> widths_;  // in, out
  std::deque<Place> outputs_, weights_, biases_, deltas_, steps_;
  std::deque<Call> forward_, backward_, update_;
  double loss_ = 0;
};

/// y += x, by these threads.
void add(float* y, const float* x, std::int64_t count, int threads);

/// [rows, columns], row-major.
dnnl::memory::desc matrix(dnnl::memory::dim rows, dnnl::memory::dim columns);

/// Every combination of these ways.
std::vector<std::pair<std::string, DenseWays>> dense_ways();

}  // namespace assay::speed
