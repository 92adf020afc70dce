// The loops behind random_normals, built once per instruction set.
#pragma once

#include <cstdint>
#include <span>

#include "assay/core/random.h"

namespace assay {

/// As random_normals.
using FillNormals = void(RandomStream stream, std::uint32_t step, std::uint32_t sample, std::uint32_t first,
                         std::span<double> out);

namespace baseline {
FillNormals normals;
}
namespace avx2 {
FillNormals normals;
}
namespace avx512 {
FillNormals normals;
}

}  // namespace assay
