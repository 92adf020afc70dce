// CIFAR-10 in its binary form (Krizhevsky 2009): records of one label and 3 · 32 · 32 bytes, red, green and
// blue planes.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "assay/core/tensor.h"

namespace assay {

inline constexpr std::int64_t kCifar10Classes = 10;

struct LabelledImages {
  Tensor images;  ///< u8 [N, 3, 32, 32]
  Tensor labels;  ///< i32 [N], 0 to 9
};

/// The records of the files, one file after the other. Throws Error naming the file for a size that is no
/// whole number of records, and the record and byte for a label above 9.
LabelledImages read_cifar10(std::span<const std::filesystem::path> files);

/// "airplane", "automobile", ... in the order of the labels.
std::vector<std::string> cifar10_class_names();

}  // namespace assay
