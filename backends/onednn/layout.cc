#include "backends/onednn/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace assay::onednn {
namespace {

using dnnl::memory;

// The library's own notation: axes as letters from the outermost inward, upper case where they are blocked,
// then the blocks: "aBcd16b" is nChw16c.
std::string tag_of(const Blocking& blocking) {
  const std::size_t rank = blocking.dims.size();
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocking.strides[a] > blocking.strides[b]; });
  std::string tag;
  for (const std::size_t axis : order) {
    const bool blocked = std::find(blocking.inner_axes.begin(), blocking.inner_axes.end(),
                                   static_cast<int>(axis)) != blocking.inner_axes.end();
    tag += static_cast<char>((blocked ? 'A' : 'a') + axis);
  }
  for (std::size_t i = 0; i < blocking.inner_axes.size(); ++i) {
    tag += fmt::format("{}{}", blocking.inner_extents[i], static_cast<char>('a' + blocking.inner_axes[i]));
  }
  return tag;
}

constexpr std::array<std::pair<ImageFormat, memory::format_tag>, 4> kImageTags{{
    {ImageFormat::channels_first, memory::format_tag::nchw},
    {ImageFormat::channels_last, memory::format_tag::nhwc},
    {ImageFormat::blocked8, memory::format_tag::nChw8c},
    {ImageFormat::blocked16, memory::format_tag::nChw16c},
}};

}  // namespace

memory::data_type data_type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return memory::data_type::f32;
    case DType::i32:
      return memory::data_type::s32;
    case DType::u8:
      return memory::data_type::u8;
    default:
      std::abort();  // offer() has refused every other dtype
  }
}

Dims dims_of(const Shape& shape) {
  if (shape.rank() == 0) return {1};
  return Dims(shape.extents().begin(), shape.extents().end());
}

MemoryDesc row_major(const Dims& dims, memory::data_type type) {
  Dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size() - 1; axis > 0; --axis) {
    strides[axis - 1] = strides[axis] * std::max<memory::dim>(dims[axis], 1);
  }
  return MemoryDesc(dims, type, strides);
}

MemoryDesc row_major(const Spec& spec) { return row_major(dims_of(spec.shape), data_type_of(spec.dtype)); }

MemoryDesc free_format(const Dims& dims) {
  return MemoryDesc(dims, memory::data_type::f32, memory::format_tag::any);
}

bool is_row_major(const MemoryDesc& desc) {
  const std::optional<Blocking> blocking = blocking_of(desc);
  if (!blocking || !blocking->inner_axes.empty()) return false;
  memory::dim stride = 1;
  for (std::size_t axis = blocking->dims.size(); axis-- > 0;) {
    if (blocking->dims[axis] == 1) continue;
    if (blocking->strides[axis] != stride) return false;
    stride *= blocking->dims[axis];
  }
  return true;
}

bool is_padded(const MemoryDesc& desc) {
  const std::optional<Blocking> blocking = blocking_of(desc);
  return !blocking || blocking->padded != blocking->dims;
}

std::optional<ImageFormat> image_format_of(const MemoryDesc& desc) {
  const std::optional<Blocking> blocking = blocking_of(desc);
  if (!blocking || blocking->dims.size() != 4) return std::nullopt;
  if (is_row_major(desc)) return ImageFormat::channels_first;
  for (const auto& [format, tag] : kImageTags) {
    for (const auto type : {memory::data_type::f32, memory::data_type::s32}) {
      if (desc == MemoryDesc(blocking->dims, type, tag)) return format;
    }
  }
  return std::nullopt;
}

MemoryDesc image(const Dims& dims, ImageFormat format, memory::data_type type) {
  return MemoryDesc(dims, type, kImageTags[static_cast<std::size_t>(format)].second);
}

Layout LayoutTable::intern(const MemoryDesc& desc) {
  if (is_row_major(desc)) return {};
  for (const auto& [key, known] : descs_) {
    if (known == desc) return {key, desc.get_size()};
  }
  const std::optional<Blocking> blocking = blocking_of(desc);
  std::string key = blocking
                        ? fmt::format("onednn:{}[{}]", tag_of(*blocking), fmt::join(blocking->dims, ", "))
                        : std::string("onednn:opaque");
  // Descriptors that differ in what the notation does not say (the dtype, the order of unit axes) are
  // numbered.
  const std::string name = key;
  for (int number = 2; descs_.contains(key); ++number) key = fmt::format("{}#{}", name, number);
  descs_.emplace(key, desc);
  return {key, desc.get_size()};
}

const MemoryDesc* LayoutTable::find(const Layout& layout) const {
  const auto it = descs_.find(layout.key);
  return it == descs_.end() ? nullptr : &it->second;
}

MemoryDesc LayoutTable::desc_of(const Port& port) const {
  if (const MemoryDesc* desc = find(port.layout)) return *desc;
  return row_major(port.spec);
}

}  // namespace assay::onednn
