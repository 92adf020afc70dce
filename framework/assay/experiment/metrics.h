// Metrics: means over the rows of a data set, added up batch by batch, exact for an uneven last batch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/experiment/experiment.h"

namespace assay {

/// Rows are the true classes, columns the predicted ones.
struct ConfusionMatrix {
  std::int64_t classes = 0;
  std::vector<std::int64_t> counts;
};

class MetricAccumulator {
 public:
  explicit MetricAccumulator(const std::vector<MetricConfig>& metrics)
      : metrics_(metrics), sums_(metrics.size(), 0.0) {}

  /// `prediction` [B, ...]; `target` i32 labels [B] or numbers of the prediction's shape; `loss` the mean
  /// over the batch.
  void add(double loss, const TensorView& prediction, const TensorView& target);

  /// "loss" and every metric that is one number. REQUIRES: at least one row was added.
  std::map<std::string, double> values() const;
  const ConfusionMatrix& confusion() const { return confusion_; }

 private:
  const std::vector<MetricConfig>& metrics_;
  std::int64_t rows_ = 0;
  std::int64_t decisions_ = 0;  ///< what an accuracy is a mean of: rows with labels, elements without
  std::int64_t elements_ = 0;
  double loss_ = 0;
  std::vector<double> sums_;
  ConfusionMatrix confusion_;
};

}  // namespace assay
