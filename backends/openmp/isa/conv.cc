// Convolution: for every image and group, the weights times the patches of x.
#include "backends/openmp/isa/conv_direct.h"
#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/gemm_sources.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

template <class T>
ConvolutionPlan plan_conv2d(const Convolution& shape, int threads) {
  ConvolutionPlan plan = share_out(shape, threads, shape.filters);
  const Axis& height = plan.shape.height;
  const Axis& width = plan.shape.width;
  plan.staging = stage_columns<T>(width, plan.direct);
  const Blocking blocking =
      panel_blocking<T>(height.output * width.output, shape.channels * height.taps * width.taps);
  book_scratch<T>(plan, staged_elements<T>(plan.staging, shape.channels, height.input) +
                            (plan.direct ? 0 : block_scratch<T>(blocking)));
  return plan;
}

// y = f(W · patches + b), filter by filter and window by window.
template <class T>
void conv2d(const ConvolutionPlan& plan, const T* x, const T* weight, const Epilogue<T>& epilogue, T* y,
            void* scratch) {
  const Convolution& s = plan.shape;
  const std::int64_t pixels = s.height.output * s.width.output;
  const std::int64_t depth = s.channels * s.height.taps * s.width.taps;
  const std::int64_t image_elements = s.channels * s.height.input * s.width.input;
  for_each_image(plan, [&](std::int64_t worker, std::int64_t image, Range parts) {
    T* own = scratch_of<T>(plan, scratch, worker);
    fill_padding(plan.staging, T(0), own);
    const Patches<T> patches{
        stage_image(plan.staging, s.height, s.width, s.channels, x + image * image_elements, T(0), own),
        s.height, s.width};
    const std::int64_t filter = image % s.groups * s.filters;
    T* result = y + image * s.filters * pixels;
    Epilogue<T> finish = epilogue;
    if (finish.bias != nullptr) finish.bias += filter;
    if (plan.direct) {
      const Range rows = indices_of(s.height.output, plan.parts, parts);
      for (std::int64_t o = 0; o < s.filters; ++o, result += pixels) {
        for (std::int64_t i = rows.begin; i < rows.end; ++i) {
          T* line = result + i * s.width.output;
          sum_row(patches, s.channels, weight + (filter + o) * depth, i,
                  [&](std::int64_t j, const Vec<T>* sums, std::int64_t count) {
                    store_block(line + j, sums, count);
                  });
        }
        const std::int64_t first = rows.begin * s.width.output;
        finish_block(finish, result + first, pixels, o, 1, first, rows.end * s.width.output - first);
      }
    } else {
      const Range vectors = indices_of(ceil_div(pixels, kLanes<T>), plan.parts, parts);
      const Share share{{0, s.filters},
                        {vectors.begin * kLanes<T>, smaller(pixels, vectors.end * kLanes<T>)}};
      const MatrixRows<T> rows{weight + filter * depth, depth, 1, strides_collide<T>(depth)};
      const MatrixSink<T> sink{result, pixels, T(1), T(0), finish};
      multiply_blocks<T>(share, depth, panel_blocking<T>(pixels, depth), rows, PatchColumns<T>{patches}, sink,
                         own + staged_elements<T>(plan.staging, s.channels, s.height.input));
    }
  });
}

}  // namespace

template <class T>
void add_conv(Kernels<T>& kernels) {
  kernels.plan_conv2d = plan_conv2d<T>;
  kernels.conv2d = conv2d<T>;
}

template void add_conv<float>(Kernels<float>&);
template void add_conv<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
