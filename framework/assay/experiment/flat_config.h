// A configuration as a flat list of settings, "optimizer.learning_rate" → "0.001", by which two of them are
// compared and one is told from another. Keys are those that --set takes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "assay/experiment/config_tree.h"

namespace assay {

using FlatConfig = std::map<std::string, std::string>;

/// Every scalar, and every list without maps, by its dotted key; elements of other lists by their name or
/// index. What is written differently and means the same is the same text: 1e-3 and 0.001, 'abc' and abc.
FlatConfig flattened(const ConfigNode& root);

/// A setting that one of two sides lacks, or in which they differ.
struct Difference {
  std::string key;
  std::optional<std::string> left, right;
};

/// In the order of the keys.
std::vector<Difference> differences(const FlatConfig& left, const FlatConfig& right);

/// 32 hexadecimal digits that two configurations share where they say the same.
std::string identity_of(const FlatConfig& config);

}  // namespace assay
