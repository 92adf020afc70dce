// The parts of networks on images, as one writes them by hand for images that lie in blocks of 16 channels
// (nChw16c). The tricks: the library's convolutions in the layouts that they choose, every one of them
// resident, by winograd where it is asked for and there is one; batch normalisation that goes through relu at
// once; own 2×2 pooling, which keeps one byte per window, whose backward pass goes through relu at once, and
// which stands between blocked channels and the rows of the first dense layer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "speed/by_hand.h"
#include "speed/call.h"

namespace assay::speed {

dnnl::memory::desc blocked_image(const onednn::Dims& dims);
dnnl::memory::desc plain_image(const onednn::Dims& dims);

/// Pooling of 2×2 over blocked channels, behind relu; the result is blocked, or the plain rows that a dense
/// layer reads.
class Pooling {
 public:
  Pooling(const onednn::Dims& image, bool to_rows, int threads);
  void forward(const float* x, float* y);
  /// dx = dy where y was taken from and is positive, else 0.
  void backward(const float* dy, const float* y, float* dx);

 private:
  using Dim = dnnl::memory::dim;
  Dim planes() const { return batch_ * blocks(); }
  Dim blocks() const;
  Dim pixel(Dim plane, Dim h, Dim w) const;
  Dim window(Dim plane, Dim h, Dim w) const;
  Dim row_place(Dim plane, Dim h, Dim w, Dim lane) const;
  Dim lanes_of(Dim plane) const;
  void pool(const float* x, float* y, Dim plane, Dim h, Dim w);
  void spread(const float* dy, const float* y, float* dx, Dim plane, Dim h, Dim w);

  Dim batch_, channels_, height_, width_;  // of the result
  bool to_rows_;
  int threads_;
  std::vector<std::uint8_t> taps_;
};

struct ConvolutionWays {
  dnnl::memory::dim padding = 0;
  bool relu = false;
  bool winograd = false;          ///< forward, and backward to the input
  bool winograd_weights = false;  ///< backward to the weight
};

/// A convolution with its parameters, forward and both derivatives. Gradients that come scaled by −η leave
/// steps.
class Convolution {
 public:
  /// `dx` is null where nothing reads it. The places outlive the convolution.
  Convolution(const dnnl::engine& engine, const StateStore& states, const std::string& name, Place& x,
              Place& y, Place* dx, Place& dy, const ConvolutionWays& ways, int threads);

  void forward(dnnl::stream& stream) { run(forward_, stream); }
  void backward(dnnl::stream& stream) { run(backward_, stream); }
  void update(dnnl::stream& stream);

 private:
  static void run(const std::vector<Call>& calls, dnnl::stream& stream);

  int threads_;
  std::unique_ptr<Place> weight_, bias_, step_, bias_step_, step_as_weight_, weight_back_;
  std::vector<Call> forward_, backward_, update_;
};

/// Batch normalisation of blocked images, and relu behind it.
class BatchNormalization {
 public:
  BatchNormalization(const dnnl::engine& engine, const StateStore& states, const std::string& name,
                     double momentum, double epsilon, Place& x, Place& y, Place& dx, Place& dy);

  void forward(dnnl::stream& stream);
  void backward(dnnl::stream& stream) { (*backward_)(stream); }
  void update();

 private:
  std::int64_t channels_;
  float momentum_, unbiased_;
  std::unique_ptr<Place> scale_, shift_, mean_, variance_, running_mean_, running_variance_, scale_step_,
      shift_step_, positive_;
  std::unique_ptr<Call> forward_, backward_;
};

}  // namespace assay::speed
