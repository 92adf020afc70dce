// Many normal numbers at once, in stages over blocks, which become vector code.
#include "assay/core/isa/normals.h"

#include <algorithm>

#include "assay/core/isa/box_muller.h"

namespace assay::ASSAY_ISA {
namespace {

constexpr std::size_t kBlock = 64;

// Philox4x32-10 as in random_bits (random.cc), whose known answers tests hold this one to.
struct Block {
  std::uint32_t bits[4][kBlock];

  void draw(RandomStream stream, std::uint32_t step, std::uint32_t sample, std::uint32_t first) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      bits[0][i] = first + static_cast<std::uint32_t>(i);
      bits[1][i] = sample;
      bits[2][i] = step;
      bits[3][i] = stream.stream;
    }
    auto key0 = static_cast<std::uint32_t>(stream.seed), key1 = static_cast<std::uint32_t>(stream.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < kBlock; ++i) {
        const std::uint64_t p = std::uint64_t{0xD2511F53u} * bits[0][i];
        const std::uint64_t q = std::uint64_t{0xCD9E8D57u} * bits[2][i];
        bits[0][i] = static_cast<std::uint32_t>(q >> 32) ^ bits[1][i] ^ key0;
        bits[2][i] = static_cast<std::uint32_t>(p >> 32) ^ bits[3][i] ^ key1;
        bits[1][i] = static_cast<std::uint32_t>(q);
        bits[3][i] = static_cast<std::uint32_t>(p);
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
  }
};

}  // namespace

void normals(RandomStream stream, std::uint32_t step, std::uint32_t sample, std::uint32_t first,
             std::span<double> out) {
  Block block;
  double values[kBlock];
  for (std::size_t at = 0; at < out.size(); at += kBlock) {
    block.draw(stream, step, sample, first + static_cast<std::uint32_t>(at));
    for (std::size_t i = 0; i < kBlock; ++i)
      values[i] = box_muller(block.bits[0][i], block.bits[1][i], block.bits[2][i], block.bits[3][i]);
    std::copy_n(values, std::min(kBlock, out.size() - at), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace assay::ASSAY_ISA
