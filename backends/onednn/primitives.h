// Primitive descriptors of oneDNN, made one way for its versions 2.x and 3.x: the two differ in how a
// descriptor is made and in how a memory descriptor is read, and nowhere else is that difference seen
// (primitives.cc). Every function throws dnnl::error for what the library does not do. All descriptors ask
// for a scratchpad that the caller provides.
#pragma once

#include <dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

namespace assay::onednn {

using Dims = dnnl::memory::dims;
using MemoryDesc = dnnl::memory::desc;
using PrimitiveDesc = dnnl::primitive_desc_base;

/// An elementwise function of the library: its algorithm and the two numbers that it reads.
struct Eltwise {
  dnnl::algorithm algorithm = dnnl::algorithm::undef;
  float alpha = 0.0f;
  float beta = 0.0f;
};

struct ConvolutionGeometry {
  Dims stride;          ///< {height, width}
  Dims dilation;        ///< {height, width}; the library's convention: 0 is dense
  Dims padding_before;  ///< {top, left}
  Dims padding_after;   ///< {bottom, right}
};

struct PoolingGeometry {
  Dims size;
  Dims stride;
  Dims padding_before;
  Dims padding_after;
  bool count_padding = false;  ///< whether padding counts in the divisor
};

/// dst = src · weights (+ bias), then the function where one is given. bias may be an empty descriptor.
PrimitiveDesc matmul(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& weights,
                     const MemoryDesc& bias, const MemoryDesc& dst,
                     const std::optional<Eltwise>& then = std::nullopt);

/// dst = keep · dst + src · weights.
PrimitiveDesc matmul_onto(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& weights,
                          const MemoryDesc& dst, float keep);

/// bias may be an empty descriptor; `algorithm` is convolution_direct or convolution_winograd.
PrimitiveDesc convolution(const dnnl::engine& engine, dnnl::algorithm algorithm, const MemoryDesc& src,
                          const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst,
                          const ConvolutionGeometry& geometry,
                          const std::optional<Eltwise>& then = std::nullopt);
PrimitiveDesc convolution_backward_data(const dnnl::engine& engine, dnnl::algorithm algorithm,
                                        const MemoryDesc& diff_src, const MemoryDesc& weights,
                                        const MemoryDesc& diff_dst, const ConvolutionGeometry& geometry);
/// diff_bias may be an empty descriptor.
PrimitiveDesc convolution_backward_weights(const dnnl::engine& engine, dnnl::algorithm algorithm,
                                           const MemoryDesc& src, const MemoryDesc& diff_weights,
                                           const MemoryDesc& diff_bias, const MemoryDesc& diff_dst,
                                           const ConvolutionGeometry& geometry);

PrimitiveDesc average_pooling(const dnnl::engine& engine, const MemoryDesc& src, const MemoryDesc& dst,
                              const PoolingGeometry& geometry);
PrimitiveDesc average_pooling_backward(const dnnl::engine& engine, const MemoryDesc& diff_src,
                                       const MemoryDesc& diff_dst, const PoolingGeometry& geometry);

/// With scale and shift; statistics are an output, or an input where `inference`. `relu` follows where asked
/// for; in training, the primitive then has a workspace that its backward one reads.
PrimitiveDesc batch_normalization(const dnnl::engine& engine, bool inference, const MemoryDesc& data,
                                  float epsilon, bool relu = false);
PrimitiveDesc batch_normalization_backward(const dnnl::engine& engine, const MemoryDesc& data, float epsilon,
                                           bool relu = false);

/// Over the last axis, with scale and shift; statistics are an output.
PrimitiveDesc layer_normalization(const dnnl::engine& engine, const MemoryDesc& data, float epsilon);
PrimitiveDesc layer_normalization_backward(const dnnl::engine& engine, const MemoryDesc& data, float epsilon);

/// `logarithm`: of log_softmax.
PrimitiveDesc softmax(const dnnl::engine& engine, bool logarithm, const MemoryDesc& data, int axis);
PrimitiveDesc softmax_backward(const dnnl::engine& engine, bool logarithm, const MemoryDesc& data, int axis);

PrimitiveDesc eltwise(const dnnl::engine& engine, const Eltwise& function, const MemoryDesc& data);
/// `data` describes the source and both differences, or the destination for the `use_dst_for_bwd` algorithms.
PrimitiveDesc eltwise_backward(const dnnl::engine& engine, const Eltwise& function, const MemoryDesc& data);

PrimitiveDesc binary(const dnnl::engine& engine, dnnl::algorithm algorithm, const MemoryDesc& src0,
                     const MemoryDesc& src1, const MemoryDesc& dst);
PrimitiveDesc reduction(const dnnl::engine& engine, dnnl::algorithm algorithm, const MemoryDesc& src,
                        const MemoryDesc& dst);
/// The one primitive that keeps its scratchpad, if it has one, to itself.
PrimitiveDesc reorder(const dnnl::engine& engine, const MemoryDesc& from, const MemoryDesc& to);
PrimitiveDesc concat(const dnnl::engine& engine, int axis, const std::vector<MemoryDesc>& sources,
                     const MemoryDesc& dst);

/// What an argument (DNNL_ARG_…) of a primitive looks like; the zero descriptor where it has no such
/// argument.
MemoryDesc argument_desc(const PrimitiveDesc& primitive, int argument);

/// Where the elements of a blocked memory descriptor lie.
struct Blocking {
  Dims dims;
  Dims padded;                      ///< dims rounded up to whole blocks
  Dims strides;                     ///< between blocks, in elements
  std::vector<int> inner_axes;      ///< of the blocks inside, outermost first
  std::vector<long> inner_extents;  ///< their extents
};

/// Nothing for a descriptor that is opaque (winograd weights) or carries an offset.
std::optional<Blocking> blocking_of(const MemoryDesc& desc);

}  // namespace assay::onednn
