// The safetensors format: named tensors behind a JSON header (huggingface/safetensors, README "Format"). What
// assay writes, PyTorch and other tools read; what they write in any dtype that fits, assay reads.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "assay/data/named_tensor.h"

namespace assay {

struct SafeTensors {
  std::vector<NamedTensor> tensors;             ///< in the order of their bytes in the file
  std::map<std::string, std::string> metadata;  ///< the header's __metadata__
};

/// Reads F64, F32, F16, BF16 (both as f32), I64, I32, I16, I8, U64, U32, U16 (as i32 where they fit), U8 and
/// BOOL (as u8). Throws Error naming the file and the tensor for anything that the format forbids: a header
/// beyond the file or above 100 MB, malformed JSON, a name twice, offsets out of range, overlapping, with
/// holes, or of another size than dtype and shape say.
SafeTensors read_safetensors(const std::filesystem::path& path);

/// Writes f64, f32, i32 and u8 tensors, widest elements first and otherwise in the order given, so that every
/// tensor is aligned: the same bytes for the same tensors. The file appears whole or not at all. Throws Error
/// for an empty or repeated name, the name "__metadata__", another dtype, text that is not UTF-8, or where
/// the file cannot be written.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace assay
