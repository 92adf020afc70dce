// Normalisation of inputs: subtracts a mean and divides by a standard deviation, per channel or per feature
// (axis 1).
#pragma once

#include <vector>

#include "assay/data/dataset.h"
#include "assay/graph/fields.h"

namespace assay {

struct NormalizeOptions {
  bool from_training_data = false;  ///< computed; mean and std are then empty
  std::vector<double>
      mean;  ///< one per channel, or one for all, of the scaled inputs (pixels in [0, 1]); empty: 0
  std::vector<double> std;  ///< likewise, > 0; empty: 1
};
std::vector<FieldDef> normalize_fields();
/// Throws Error where numbers are given that would be computed.
NormalizeOptions normalize_options(const Fields& fields);

/// Sets the transform of every part; statistics that are computed come from the training part alone: the
/// mean, and the population standard deviation (divided by the count), of all values of a channel. Throws
/// Error where the number of values does not fit the channels, a std is not positive, or a channel that must
/// be normalised is constant.
void normalize(SplitDataset& data, const NormalizeOptions& options);

/// Mean and population standard deviation per channel of the scaled inputs.
InputTransform channel_statistics(const Dataset& data);

}  // namespace assay
