#include "backends/onednn/primitives.h"

namespace assay::onednn {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

dnnl::normalization_flags scale_and_shift(bool relu = false) {
  using dnnl::normalization_flags;
  const normalization_flags flags = normalization_flags::use_scale | normalization_flags::use_shift;
  return relu ? flags | normalization_flags::fuse_norm_relu : flags;
}

// Attributes of every primitive: its scratchpad is ours to provide.
dnnl::primitive_attr attributes(const std::optional<Eltwise>& then = std::nullopt) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (then) {
    dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(then->algorithm, then->alpha, then->beta);
#else
    ops.append_eltwise(1.0f, then->algorithm, then->alpha, then->beta);
#endif
    attr.set_post_ops(ops);
  }
  return attr;
}

// Makes the descriptor of a primitive from what its operation descriptor takes, then the hint that a backward
// primitive needs. Version 2 has the operation descriptor as an object of its own; version 3 takes its
// arguments directly.
template <class Primitive, class... Arguments>
auto make(const dnnl::engine& engine, const dnnl::primitive_attr& attr, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine, arguments..., attr);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attr, engine);
#endif
}

template <class Primitive, class Hint, class... Arguments>
auto make_backward(const dnnl::engine& engine, const Hint& hint, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine, arguments..., hint, attributes());
#else
  return
      typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes(), engine, hint);
#endif
}

auto convolution_forward(const dnnl::engine& engine, algorithm algorithm, const MemoryDesc& src,
                         const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst,
                         const ConvolutionGeometry& g, const dnnl::primitive_attr& attr) {
  return make<dnnl::convolution_forward>(engine, attr, prop_kind::forward_training, algorithm, src, weights,
                                         bias, dst, g.stride, g.dilation, g.padding_before, g.padding_after);
}

// The forward primitive that a backward one is the derivative of, in formats of its own choice: only its
// geometry counts.
auto convolution_hint(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& weights,
                      const MemoryDesc& dst, const ConvolutionGeometry& geometry) {
  const auto any = [](const MemoryDesc& desc) {
#if DNNL_VERSION_MAJOR >= 3
    return MemoryDesc(desc.get_dims(), desc.get_data_type(), dnnl::memory::format_tag::any);
#else
    return MemoryDesc(desc.dims(), desc.data_type(), dnnl::memory::format_tag::any);
#endif
  };
  return convolution_forward(engine, algorithm::convolution_direct, any(src), any(weights), MemoryDesc(),
                             any(dst), geometry, attributes());
}

auto average_pooling_forward(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& dst,
                             const PoolingGeometry& g) {
  const algorithm kind =
      g.count_padding ? algorithm::pooling_avg_include_padding : algorithm::pooling_avg_exclude_padding;
#if DNNL_VERSION_MAJOR >= 3
  return make<dnnl::pooling_forward>(engine, attributes(), prop_kind::forward_training, kind, src, dst,
                                     g.stride, g.size, Dims{0, 0}, g.padding_before, g.padding_after);
#else
  return make<dnnl::pooling_forward>(engine, attributes(), prop_kind::forward_training, kind, src, dst,
                                     g.stride, g.size, g.padding_before, g.padding_after);
#endif
}

auto batch_normalization_forward(const dnnl::engine& engine, prop_kind kind, const MemoryDesc& data,
                                 float epsilon, dnnl::normalization_flags flags) {
#if DNNL_VERSION_MAJOR >= 3
  return make<dnnl::batch_normalization_forward>(engine, attributes(), kind, data, data, epsilon, flags);
#else
  return make<dnnl::batch_normalization_forward>(engine, attributes(), kind, data, epsilon, flags);
#endif
}

// Statistics lie row-major, one for each row of `data` [rows, length].
MemoryDesc row_statistics(const MemoryDesc& data) {
#if DNNL_VERSION_MAJOR >= 3
  const auto rows = data.get_dims().front();
#else
  const auto rows = data.dims().front();
#endif
  return MemoryDesc({rows}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a);
}

auto layer_normalization_forward(const dnnl::engine& engine, const MemoryDesc& data, float epsilon) {
#if DNNL_VERSION_MAJOR >= 3
  return make<dnnl::layer_normalization_forward>(engine, attributes(), prop_kind::forward_training, data,
                                                 data, row_statistics(data), epsilon, scale_and_shift());
#else
  return make<dnnl::layer_normalization_forward>(engine, attributes(), prop_kind::forward_training, data,
                                                 row_statistics(data), epsilon, scale_and_shift());
#endif
}

#if DNNL_VERSION_MAJOR >= 3
using SoftmaxForward = dnnl::softmax_forward;
using SoftmaxBackward = dnnl::softmax_backward;
#else
using SoftmaxForward = dnnl::softmax_v2_forward;
using SoftmaxBackward = dnnl::softmax_v2_backward;
#endif

algorithm softmax_algorithm(bool logarithm) {
  return logarithm ? algorithm::softmax_log : algorithm::softmax_accurate;
}

auto eltwise_forward(const dnnl::engine& engine, const Eltwise& f, const MemoryDesc& data) {
#if DNNL_VERSION_MAJOR >= 3
  return make<dnnl::eltwise_forward>(engine, attributes(), prop_kind::forward_training, f.algorithm, data,
                                     data, f.alpha, f.beta);
#else
  return make<dnnl::eltwise_forward>(engine, attributes(), prop_kind::forward_training, f.algorithm, data,
                                     f.alpha, f.beta);
#endif
}

}  // namespace

PrimitiveDesc matmul(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& weights,
                     const MemoryDesc& bias, const MemoryDesc& dst, const std::optional<Eltwise>& then) {
  return make<dnnl::matmul>(engine, attributes(then), src, weights, bias, dst);
}

PrimitiveDesc matmul_onto(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& weights,
                          const MemoryDesc& dst, float keep) {
  dnnl::primitive_attr attr = attributes();
  dnnl::post_ops ops;
  ops.append_sum(keep);
  attr.set_post_ops(ops);
  return make<dnnl::matmul>(engine, attr, src, weights, MemoryDesc(), dst);
}

PrimitiveDesc convolution(const dnnl::engine& engine, algorithm algorithm, const MemoryDesc& src,
                          const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst,
                          const ConvolutionGeometry& geometry, const std::optional<Eltwise>& then) {
  return convolution_forward(engine, algorithm, src, weights, bias, dst, geometry, attributes(then));
}

PrimitiveDesc convolution_backward_data(const dnnl::engine& engine, algorithm algorithm,
                                        const MemoryDesc& diff_src, const MemoryDesc& weights,
                                        const MemoryDesc& diff_dst, const ConvolutionGeometry& g) {
  return make_backward<dnnl::convolution_backward_data>(
      engine, convolution_hint(engine, diff_src, weights, diff_dst, g), algorithm, diff_src, weights,
      diff_dst, g.stride, g.dilation, g.padding_before, g.padding_after);
}

PrimitiveDesc convolution_backward_weights(const dnnl::engine& engine, algorithm algorithm,
                                           const MemoryDesc& src, const MemoryDesc& diff_weights,
                                           const MemoryDesc& diff_bias, const MemoryDesc& diff_dst,
                                           const ConvolutionGeometry& g) {
  return make_backward<dnnl::convolution_backward_weights>(
      engine, convolution_hint(engine, src, diff_weights, diff_dst, g), algorithm, src, diff_weights,
      diff_bias, diff_dst, g.stride, g.dilation, g.padding_before, g.padding_after);
}

PrimitiveDesc average_pooling(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& dst,
                              const PoolingGeometry& geometry) {
  return average_pooling_forward(engine, src, dst, geometry);
}

PrimitiveDesc average_pooling_backward(const dnnl::engine& engine, const MemoryDesc& diff_src,
                                       const MemoryDesc& diff_dst, const PoolingGeometry& g) {
  const auto hint = average_pooling_forward(engine, diff_src, diff_dst, g);
  const algorithm kind =
      g.count_padding ? algorithm::pooling_avg_include_padding : algorithm::pooling_avg_exclude_padding;
#if DNNL_VERSION_MAJOR >= 3
  return make_backward<dnnl::pooling_backward>(engine, hint, kind, diff_src, diff_dst, g.stride, g.size,
                                               Dims{0, 0}, g.padding_before, g.padding_after);
#else
  return make_backward<dnnl::pooling_backward>(engine, hint, kind, diff_src, diff_dst, g.stride, g.size,
                                               g.padding_before, g.padding_after);
#endif
}

PrimitiveDesc batch_normalization(const dnnl::engine& engine, bool inference, const MemoryDesc& data,
                                  float epsilon, bool relu) {
  const dnnl::normalization_flags flags = scale_and_shift(relu);
  if (!inference)
    return batch_normalization_forward(engine, prop_kind::forward_training, data, epsilon, flags);
  return batch_normalization_forward(engine, prop_kind::forward_inference, data, epsilon,
                                     flags | dnnl::normalization_flags::use_global_stats);
}

PrimitiveDesc batch_normalization_backward(const dnnl::engine& engine, const MemoryDesc& data, float epsilon,
                                           bool relu) {
  const dnnl::normalization_flags flags = scale_and_shift(relu);
  const auto hint = batch_normalization_forward(engine, prop_kind::forward_training, data, epsilon, flags);
#if DNNL_VERSION_MAJOR >= 3
  return make_backward<dnnl::batch_normalization_backward>(engine, hint, prop_kind::backward, data, data,
                                                           data, epsilon, flags);
#else
  return make_backward<dnnl::batch_normalization_backward>(engine, hint, prop_kind::backward, data, data,
                                                           epsilon, flags);
#endif
}

PrimitiveDesc layer_normalization(const dnnl::engine& engine, const MemoryDesc& data, float epsilon) {
  return layer_normalization_forward(engine, data, epsilon);
}

PrimitiveDesc layer_normalization_backward(const dnnl::engine& engine, const MemoryDesc& data,
                                           float epsilon) {
  const auto hint = layer_normalization_forward(engine, data, epsilon);
#if DNNL_VERSION_MAJOR >= 3
  return make_backward<dnnl::layer_normalization_backward>(
      engine, hint, prop_kind::backward, data, data, data, row_statistics(data), epsilon, scale_and_shift());
#else
  return make_backward<dnnl::layer_normalization_backward>(engine, hint, prop_kind::backward, data, data,
                                                           row_statistics(data), epsilon, scale_and_shift());
#endif
}

PrimitiveDesc softmax(const dnnl::engine& engine, bool logarithm, const MemoryDesc& data, int axis) {
  return make<SoftmaxForward>(engine, attributes(), prop_kind::forward_training, softmax_algorithm(logarithm),
                              data, data, axis);
}

PrimitiveDesc softmax_backward(const dnnl::engine& engine, bool logarithm, const MemoryDesc& data, int axis) {
  const auto hint = make<SoftmaxForward>(engine, attributes(), prop_kind::forward_training,
                                         softmax_algorithm(logarithm), data, data, axis);
  return make_backward<SoftmaxBackward>(engine, hint, softmax_algorithm(logarithm), data, data, data, axis);
}

PrimitiveDesc eltwise(const dnnl::engine& engine, const Eltwise& function, const MemoryDesc& data) {
  return eltwise_forward(engine, function, data);
}

PrimitiveDesc eltwise_backward(const dnnl::engine& engine, const Eltwise& f, const MemoryDesc& data) {
  const auto hint = eltwise_forward(engine, f, data);
#if DNNL_VERSION_MAJOR >= 3
  return make_backward<dnnl::eltwise_backward>(engine, hint, f.algorithm, data, data, data, f.alpha, f.beta);
#else
  return make_backward<dnnl::eltwise_backward>(engine, hint, f.algorithm, data, data, f.alpha, f.beta);
#endif
}

PrimitiveDesc binary(const dnnl::engine& engine, algorithm algorithm, const MemoryDesc& src0,
                     const MemoryDesc& src1, const MemoryDesc& dst) {
  return make<dnnl::binary>(engine, attributes(), algorithm, src0, src1, dst);
}

PrimitiveDesc reduction(const dnnl::engine& engine, algorithm algorithm, const MemoryDesc& src,
                        const MemoryDesc& dst) {
  return make<dnnl::reduction>(engine, attributes(), algorithm, src, dst, 0.0f, 0.0f);
}

PrimitiveDesc reorder(const dnnl::engine& engine, const MemoryDesc& from, const MemoryDesc& to) {
  return dnnl::reorder::primitive_desc(engine, from, engine, to);
}

PrimitiveDesc concat(const dnnl::engine& engine, int axis, const std::vector<MemoryDesc>& sources,
                     const MemoryDesc& dst) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::concat::primitive_desc(engine, dst, axis, sources, attributes());
#else
  return dnnl::concat::primitive_desc(dst, axis, sources, engine, attributes());
#endif
}

MemoryDesc argument_desc(const PrimitiveDesc& primitive, int argument) {
  return primitive.query_md(dnnl::query::exec_arg_md, argument);
}

std::optional<Blocking> blocking_of(const MemoryDesc& desc) {
  Blocking blocking;
#if DNNL_VERSION_MAJOR >= 3
  if (desc.get_format_kind() != dnnl::memory::format_kind::blocked || desc.get_submemory_offset() != 0) {
    return std::nullopt;
  }
  blocking.dims = desc.get_dims();
  blocking.padded = desc.get_padded_dims();
  blocking.strides = desc.get_strides();
  for (const auto axis : desc.get_inner_idxs()) blocking.inner_axes.push_back(static_cast<int>(axis));
  for (const auto extent : desc.get_inner_blks()) blocking.inner_extents.push_back(static_cast<long>(extent));
#else
  const dnnl_memory_desc_t& data = desc.data;
  if (data.format_kind != dnnl_blocked || data.offset0 != 0 ||
      data.extra.flags != dnnl_memory_extra_flag_none) {
    return std::nullopt;
  }
  const auto& format = data.format_desc.blocking;
  blocking.dims.assign(data.dims, data.dims + data.ndims);
  blocking.padded.assign(data.padded_dims, data.padded_dims + data.ndims);
  blocking.strides.assign(format.strides, format.strides + data.ndims);
  for (int i = 0; i < format.inner_nblks; ++i) {
    blocking.inner_axes.push_back(static_cast<int>(format.inner_idxs[i]));
    blocking.inner_extents.push_back(static_cast<long>(format.inner_blks[i]));
  }
#endif
  return blocking;
}

}  // namespace assay::onednn
