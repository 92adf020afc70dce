#include "assay/registry/gemm_kernels.h"

namespace assay::gemm_detail {

Convolution::Convolution(const Shape& x_shape, const Shape& weight, const Fields& fields)
    : window(convolution_window(x_shape, weight[2], weight[3], fields)),
      images(x_shape[0]),
      groups(fields.integer("groups")),
      channels(weight[1]),
      filters(weight[0] / groups),
      taps(weight.count(1, 4)),
      pixels(window.height.output * window.width.output),
      x(channels * x_shape[2] * x_shape[3]),
      w(filters * taps),
      y(filters * pixels) {
  const auto passes = [](const WindowAxis& axis) {
    return axis.size == 1 && axis.stride == 1 && axis.before == 0 && axis.after == 0;
  };
  is_unfolded = passes(window.height) && passes(window.width);
}

}  // namespace assay::gemm_detail
