// A primitive with its arguments, ready to be called: created once, its memory objects pointing where they
// will.
#pragma once

#include <dnnl.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/tensor.h"
#include "backends/onednn/primitives.h"

namespace assay::speed {

/// A buffer and how it lies.
struct Place {
  dnnl::memory::desc desc;
  Tensor buffer;

  explicit Place(const dnnl::memory::desc& d)
      : desc(d), buffer(Spec{DType::u8, Shape{static_cast<std::int64_t>(d.get_size())}}) {}
  float* data() { return static_cast<float*>(buffer.data()); }
  const float* data() const { return static_cast<const float*>(buffer.data()); }
};

class Call {
 public:
  /// Refuses the library's reference loops: they are no opponents.
  Call(const dnnl::engine& engine, const onednn::PrimitiveDesc& desc,
       const std::vector<std::pair<int, Place*>>& arguments)
      : primitive_(desc.get()), scratch_(desc.query_md(dnnl::query::scratchpad_md)) {
    if (std::string(desc.impl_info_str()).find("ref") != std::string::npos)
      throw Error(std::string("the library has only '") + desc.impl_info_str() + "' for a primitive");
    for (const auto& [argument, place] : arguments)
      arguments_.emplace(argument,
                         dnnl::memory(onednn::argument_desc(desc, argument), engine, place->data()));
    arguments_.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratch_.desc, engine, scratch_.data()));
  }
  void operator()(dnnl::stream& stream) const { primitive_.execute(stream, arguments_); }

 private:
  dnnl::primitive primitive_;
  Place scratch_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace assay::speed
