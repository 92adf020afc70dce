#include "speed/dense_layers.h"

#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace assay::speed {
namespace {

using dnnl::memory;
using onednn::Dims;
using onednn::MemoryDesc;

MemoryDesc transposed(memory::dim rows, memory::dim columns) {
  return {{rows, columns}, memory::data_type::f32, Dims{1, rows}};
}

}  // namespace

MemoryDesc matrix(memory::dim rows, memory::dim columns) {
  return {{rows, columns}, memory::data_type::f32, Dims{columns, 1}};
}

std::vector<std::pair<std::string, DenseWays>> dense_ways() {
  return {{"weights [out, in]", {false, false}},
          {"weights [in, out]", {true, false}},
          {"weights [out, in], update folded into its product", {false, true}},
          {"weights [in, out], update folded into its product", {true, true}}};
}

DenseLayers::DenseLayers(const Problem& problem, const StateStore& states, DenseWays ways, Place& input,
                         Place* input_delta)
    : ways_(ways),
      rate_(static_cast<float>(problem.model().learning_rate())),
      threads_(problem.threads()),
      batch_(problem.training_batch()) {
  omp_set_num_threads(threads_);
  const auto labels = problem.data().train.targets.as<std::int32_t>();
  labels_.assign(labels.begin(), labels.end());
  for (int i = 1; states.find("dense" + std::to_string(i) + ".weight") != nullptr; ++i) {
    const std::string name = "dense" + std::to_string(i);
    const Tensor weight = states.read(name + ".weight"), bias = states.read(name + ".bias");
    const Dim out = weight.shape()[0], in = weight.shape()[1];
    widths_.emplace_back(in, out);
    Place& w = weights_.emplace_back(ways_.weights_in_out ? matrix(in, out) : matrix(out, in));
    for (Dim o = 0; o < out; ++o) {
      for (Dim k = 0; k < in; ++k)
        w.data()[ways_.weights_in_out ? k * out + o : o * in + k] =
            weight.as<float>()[static_cast<std::size_t>(o * in + k)];
    }
    Place& b = biases_.emplace_back(matrix(1, out));
    std::ranges::copy(bias.as<float>(), b.data());
    outputs_.emplace_back(matrix(batch_, out));
    deltas_.emplace_back(matrix(batch_, out));
    if (!ways_.folded) steps_.emplace_back(w.desc);
  }
  make_calls(input, input_delta);
}

void DenseLayers::step() {
  for (const Call& call : forward_) call(stream_);
  loss_and_delta();
  for (std::size_t l = widths_.size(); l-- > 0;) {
    if (l + 1 < widths_.size()) relu_backward(l);
    add_column_sums(l);
    if (const std::size_t skipped = widths_.size() - backward_.size(); l >= skipped)
      backward_[l - skipped](stream_);
    update_[l](stream_);
    if (!ways_.folded)
      add(weights_[l].data(), steps_[l].data(), widths_[l].first * widths_[l].second, threads_);
  }
  stream_.wait();
}

void DenseLayers::make_calls(Place& input, Place* input_delta) {
  using Arguments = std::vector<std::pair<int, Place*>>;
  for (std::size_t l = 0; l < widths_.size(); ++l) {
    const auto [in, out] = widths_[l];
    Place& x = l == 0 ? input : outputs_[l - 1];
    std::optional<onednn::Eltwise> relu;
    if (l + 1 < widths_.size()) relu = onednn::Eltwise{dnnl::algorithm::eltwise_relu, 0, 0};
    forward_.emplace_back(engine_,
                          onednn::matmul(engine_, matrix(batch_, in),
                                         ways_.weights_in_out ? matrix(in, out) : transposed(in, out),
                                         matrix(1, out), matrix(batch_, out), relu),
                          Arguments{{DNNL_ARG_SRC, &x},
                                    {DNNL_ARG_WEIGHTS, &weights_[l]},
                                    {DNNL_ARG_BIAS, &biases_[l]},
                                    {DNNL_ARG_DST, &outputs_[l]}});
    if (Place* to = l == 0 ? input_delta : &deltas_[l - 1]) {
      backward_.emplace_back(
          engine_,
          onednn::matmul(engine_, matrix(batch_, out),
                         ways_.weights_in_out ? transposed(out, in) : matrix(out, in), MemoryDesc(),
                         matrix(batch_, in)),
          Arguments{{DNNL_ARG_SRC, &deltas_[l]}, {DNNL_ARG_WEIGHTS, &weights_[l]}, {DNNL_ARG_DST, to}});
    }
    // [out, in] is Δᵀ X, [in, out] is Xᵀ Δ.
    Place& left = ways_.weights_in_out ? x : deltas_[l];
    Place& right = ways_.weights_in_out ? deltas_[l] : x;
    const Dim rows = ways_.weights_in_out ? in : out, columns = ways_.weights_in_out ? out : in;
    const MemoryDesc a = transposed(rows, batch_), b = matrix(batch_, columns), c = matrix(rows, columns);
    update_.emplace_back(engine_,
                         ways_.folded ? onednn::matmul_onto(engine_, a, b, c, 1.0f)
                                      : onednn::matmul(engine_, a, b, MemoryDesc(), c),
                         Arguments{{DNNL_ARG_SRC, &left},
                                   {DNNL_ARG_WEIGHTS, &right},
                                   {DNNL_ARG_DST, ways_.folded ? &weights_[l] : &steps_[l]}});
  }
}

// L = −1/B Σ log p, and δ = −η (p − q)/B in place of the logits' gradient.
void DenseLayers::loss_and_delta() {
  const Dim classes = widths_.back().second;
  const float* z = outputs_.back().data();
  float* d = deltas_.back().data();
  const float factor = -rate_ / static_cast<float>(batch_);
  double total = 0;
  for (Dim b = 0; b < batch_; ++b, z += classes, d += classes) {
    const float most = *std::max_element(z, z + classes);
    float sum = 0;
    for (Dim k = 0; k < classes; ++k) sum += d[k] = std::exp(z[k] - most);
    const auto label = labels_[static_cast<std::size_t>(b)];
    total -= z[label] - most - std::log(sum);
    for (Dim k = 0; k < classes; ++k) d[k] *= factor / sum;
    d[label] -= factor;
  }
  loss_ = total / static_cast<double>(batch_);
}

void DenseLayers::relu_backward(std::size_t l) {
  float* d = deltas_[l].data();
  const float* h = outputs_[l].data();
  const Dim count = batch_ * widths_[l].second;
  // By a mask: a choice between d[i] and 0 becomes a store that is done or not, and no vector code.
#pragma omp parallel for simd num_threads(threads_) if (threads_ > 1 && count > 16384)
  for (Dim i = 0; i < count; ++i)
    d[i] = std::bit_cast<float>(std::bit_cast<std::int32_t>(d[i]) & -static_cast<std::int32_t>(h[i] > 0));
}

void DenseLayers::add_column_sums(std::size_t l) {
  float* b = biases_[l].data();
  const float* d = deltas_[l].data();
  const Dim out = widths_[l].second;
  for (Dim row = 0; row < batch_; ++row) {
#pragma omp simd
    for (Dim k = 0; k < out; ++k) b[k] += d[row * out + k];
  }
}

void add(float* y, const float* x, std::int64_t count, int threads) {
#pragma omp parallel for simd num_threads(threads) if (threads > 1 && count > 16384)
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

}  // namespace assay::speed
