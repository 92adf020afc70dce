#include "assay/experiment/metrics.h"

#include <cmath>

#include "assay/experiment/problem.h"

namespace assay {
namespace {

// The class of the largest score, the first of equal ones; a NaN never wins.
std::int64_t decided(const std::vector<double>& scores, std::int64_t start, std::int64_t classes) {
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < classes; ++c) {
    if (scores[start + c] > scores[start + best] || std::isnan(scores[start + best])) best = c;
  }
  return best;
}

// How many classes score above the label's, ties counted for those before it: the label is among the k best
// where < k.
std::int64_t rank_of(const std::vector<double>& scores, std::int64_t start, std::int64_t classes,
                     std::int64_t label) {
  std::int64_t above = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    const double score = scores[start + c], own = scores[start + label];
    if (score > own || (score == own && c < label) || std::isnan(own)) ++above;
  }
  return above;
}

}  // namespace

void MetricAccumulator::add(double loss, const TensorView& prediction, const TensorView& target) {
  const std::vector<double> scores = to_doubles(prediction), truth = to_doubles(target);
  const std::int64_t rows = prediction.spec.shape[0];
  const bool labels = target.spec.dtype == DType::i32;
  const std::int64_t width = rows == 0 ? 0 : prediction.spec.count() / rows;
  rows_ += rows;
  elements_ += prediction.spec.count();
  decisions_ += labels ? rows : prediction.spec.count();
  loss_ += loss * static_cast<double>(rows);
  for (std::size_t m = 0; m < metrics_.size(); ++m) {
    const MetricConfig& metric = metrics_[m];
    double& sum = sums_[m];
    if (metric.type == "mean_absolute_error") {
      for (std::size_t i = 0; i < scores.size(); ++i) sum += std::abs(scores[i] - truth[i]);
    } else if (!labels) {  // accuracy of logits against 0 and 1
      for (std::size_t i = 0; i < scores.size(); ++i)
        sum += (scores[i] > 0.0) == (truth[i] > 0.5) ? 1.0 : 0.0;
    } else if (metric.type == "confusion_matrix") {
      confusion_.classes = width;
      confusion_.counts.resize(static_cast<std::size_t>(width * width));
      for (std::int64_t b = 0; b < rows; ++b) {
        const auto label = static_cast<std::int64_t>(truth[b]);
        ++confusion_.counts[static_cast<std::size_t>(label * width + decided(scores, b * width, width))];
      }
    } else {
      for (std::int64_t b = 0; b < rows; ++b) {
        const auto label = static_cast<std::int64_t>(truth[b]);
        const bool right = metric.type == "top_k" ? rank_of(scores, b * width, width, label) < metric.k
                                                  : decided(scores, b * width, width) == label;
        sum += right ? 1.0 : 0.0;
      }
    }
  }
}

std::map<std::string, double> MetricAccumulator::values() const {
  std::map<std::string, double> values{{"loss", loss_ / static_cast<double>(rows_)}};
  for (std::size_t m = 0; m < metrics_.size(); ++m) {
    const MetricConfig& metric = metrics_[m];
    if (metric.type == "confusion_matrix") continue;
    const std::int64_t count = metric.type == "mean_absolute_error" ? elements_ : decisions_;
    values[metric_name(metric)] = sums_[m] / static_cast<double>(count);
  }
  return values;
}

}  // namespace assay
