// How values of the framework lie in oneDNN's memory descriptors: the canonical ones, and the backend's own
// layouts (blocked channels, channels last), which carry a key that the placement table shows.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "assay/program/backend.h"
#include "backends/onednn/primitives.h"

namespace assay::onednn {

/// The library's name of an f32 or i32 dtype. REQUIRES: dtype is f32, i32 or u8.
dnnl::memory::data_type data_type_of(DType dtype);

/// Dense and row-major. A scalar has one axis of extent 1.
MemoryDesc row_major(const Dims& dims, dnnl::memory::data_type type = dnnl::memory::data_type::f32);
MemoryDesc row_major(const Spec& spec);
/// Of these extents, in the format that a primitive chooses.
MemoryDesc free_format(const Dims& dims);
Dims dims_of(const Shape& shape);

/// Whether the elements lie as row_major() would put them; axes of extent 1 have no say.
bool is_row_major(const MemoryDesc& desc);
/// Whether the buffer holds elements that the value has not: channels padded to a whole block, always zero.
bool is_padded(const MemoryDesc& desc);

/// The formats of images [N, C, H, W] that the backend's own loops know.
enum class ImageFormat : std::uint8_t {
  channels_first,  ///< nchw, canonical
  channels_last,   ///< nhwc
  blocked8,        ///< nChw8c
  blocked16,       ///< nChw16c
};

/// The format of a descriptor of four axes, or nothing where it is another one.
std::optional<ImageFormat> image_format_of(const MemoryDesc& desc);
MemoryDesc image(const Dims& dims, ImageFormat format,
                 dnnl::memory::data_type type = dnnl::memory::data_type::f32);

/// The backend's own layouts: key ↔ memory descriptor. Grows while sites are planned; what is in it stays.
class LayoutTable {
 public:
  /// The layout of a descriptor: the canonical one where the elements lie row-major.
  Layout intern(const MemoryDesc& desc);
  /// The descriptor of an own layout, or null for the canonical one and for those of other backends.
  const MemoryDesc* find(const Layout& layout) const;
  /// The descriptor in which a value lies, or the row-major one where its layout is not ours.
  MemoryDesc desc_of(const Port& port) const;

 private:
  std::map<std::string, MemoryDesc, std::less<>> descs_;
};

}  // namespace assay::onednn
