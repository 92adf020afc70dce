// Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up in training, so that inference is the
// identity.
#pragma once

#include <cstdint>
#include <string>

#include "assay/graph/graph.h"

namespace assay {

struct Dropped {
  Value y;
  Value mask;  ///< u8, 1 where kept
};

/// x [B, …], key i32 [3] = {low half of the seed, high half, step}, sample i32 [B]: the index of each row in
/// the data set, so that a row meets the same fate in any batch. Element e of a row of sample s is kept if
/// word e mod 4 of random_bits({seed, stream}, step, s, ⌊e / 4⌋) is at least rate · 2³² (core/random.h), and
/// is then multiplied by 1/(1 − rate), a number of double precision. `rate` in [0, 1]; `stream` tells layers
/// apart.
Dropped dropout(Value x, Value key, Value sample, double rate, std::uint32_t stream);

/// The smallest word that keeps an element, ⌈rate · 2³²⌉; 2³² where nothing is kept.
std::uint64_t dropout_threshold(double rate);

/// 1/(1 − rate).
double dropout_scale(double rate);

void register_dropout_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
