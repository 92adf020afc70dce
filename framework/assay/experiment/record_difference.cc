#include "assay/experiment/record_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "assay/core/error.h"
#include "assay/data/safetensors.h"
#include "assay/experiment/checkpoint.h"
#include "assay/experiment/checkpoint_folder.h"
#include "assay/experiment/weights_hash.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNotComparable = std::numeric_limits<std::uint64_t>::max();

// Numbers of one type in their order, as integers: neighbours are one apart, and the zeros are the same.
template <class Float, class Bits>
std::uint64_t ulp_distance(Float a, Float b) {
  if (std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b)) return 0;
  if (std::isnan(a) || std::isnan(b)) return kNotComparable;
  constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  const auto magnitude = [](Float x) { return std::uint64_t{std::bit_cast<Bits>(std::abs(x)) & ~kSign}; };
  const std::uint64_t x = magnitude(a), y = magnitude(b);
  // Zeros of two signs are other bits, though no number lies between them.
  if (std::signbit(a) != std::signbit(b)) return std::max<std::uint64_t>(x + y, 1);
  return x > y ? x - y : y - x;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

struct MetricLine {
  std::int64_t step = 0, epoch = 0;
  std::string name;
  double value = 0;
};

// A line of either file, for messages called one of the record's.
MetricLine parsed(const std::string& line, const fs::path& recorded, std::size_t number) {
  try {
    const nlohmann::json row = nlohmann::json::parse(line);
    const nlohmann::json& value = row.at("value");
    return {row.at("step"), row.at("epoch"), row.at("name"),
            value.is_number()      ? value.get<double>()
            : value == "Infinity"  ? HUGE_VAL
            : value == "-Infinity" ? -HUGE_VAL
                                   : std::nan("")};
  } catch (const nlohmann::json::exception&) {
    throw Error(fmt::format("'{}' is damaged in line {}", recorded.string(), number + 1));
  }
}

// Rows are the same where their bytes are: numbers are written so that they read back as the same bits.
void compare_metrics(const fs::path& path, const std::vector<std::string>& recorded,
                     const std::vector<std::string>& repeated, RecordDifference& difference) {
  difference.rows = std::max(recorded.size(), repeated.size());
  for (std::size_t i = 0; i < difference.rows; ++i) {
    const bool has_left = i < recorded.size(), has_right = i < repeated.size();
    if (has_left && has_right && recorded[i] == repeated[i]) continue;
    const MetricLine row = parsed(has_left ? recorded[i] : repeated[i], path, i);
    MetricDifference found{row.step, row.epoch, row.name, {}, {}};
    if (has_left) found.recorded = row.value;
    if (has_right) {
      const MetricLine other = parsed(repeated[i], path, i);
      if (other.name == row.name && other.step == row.step) found.repeated = other.value;
    }
    difference.metric = std::move(found);
    return;
  }
}

// Hashes of weights point by point, in the order of the file.
struct HashPoint {
  std::int64_t step = 0, epoch = 0;
  std::vector<std::pair<std::string, double>> tensors;
};

std::vector<HashPoint> hash_points(const fs::path& path, const std::vector<std::string>& lines) {
  const std::string prefix = std::string(kWeightsHash) + "/";
  std::vector<HashPoint> points;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(prefix) == std::string::npos) continue;  // before the row is parsed
    const MetricLine row = parsed(lines[i], path, i);
    if (points.empty() || std::tie(points.back().step, points.back().epoch) != std::tie(row.step, row.epoch))
      points.push_back({row.step, row.epoch, {}});
    points.back().tensors.emplace_back(row.name.substr(prefix.size()), row.value);
  }
  return points;
}

// REQUIRES: a measurement differs.
void compare_hashes(const std::vector<HashPoint>& recorded, const std::vector<HashPoint>& repeated,
                    RecordDifference& difference) {
  for (std::size_t i = 0; i < std::min(recorded.size(), repeated.size()); ++i) {
    const HashPoint &left = recorded[i], &right = repeated[i];
    if (left.step != right.step || left.epoch != right.epoch) return;  // they went through other steps
    std::vector<std::string> tensors;
    for (const auto& tensor : left.tensors) {
      if (std::ranges::find(right.tensors, tensor) == right.tensors.end()) tensors.push_back(tensor.first);
    }
    if (!tensors.empty()) {
      difference.weights = WeightsDifference{left.step, left.epoch, std::move(tensors)};
      return;
    }
    if (left.step < difference.metric->step) difference.same_weights = left.step;
  }
}

template <class Float>
void compare_elements(const Tensor& a, const Tensor& b, TensorDifference& difference) {
  const auto x = a.as<Float>(), y = b.as<Float>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint64_t ulps = ulps_between(x[i], y[i]);
    if (ulps == 0) continue;
    if (difference.differing++ == 0) {
      difference.index = a.shape().index(static_cast<std::int64_t>(i));
      difference.recorded = static_cast<double>(x[i]);
      difference.repeated = static_cast<double>(y[i]);
    }
    difference.most_ulps = std::max(difference.most_ulps, ulps);
  }
}

std::vector<TensorDifference> compare_tensors(const std::vector<NamedTensor>& recorded,
                                              const std::vector<NamedTensor>& repeated) {
  std::vector<TensorDifference> found;
  for (const NamedTensor& tensor : recorded) {
    TensorDifference difference{tensor.name, {}, 0, 0, 0, tensor.tensor.count(), 0};
    const auto other = std::ranges::find(repeated, tensor.name, &NamedTensor::name);
    if (other == repeated.end() || !(other->tensor.spec() == tensor.tensor.spec())) {
      difference.differing = difference.elements;
      difference.most_ulps = kNotComparable;
    } else if (tensor.tensor.dtype() == DType::f64) {
      compare_elements<double>(tensor.tensor, other->tensor, difference);
    } else if (tensor.tensor.dtype() == DType::f32) {
      compare_elements<float>(tensor.tensor, other->tensor, difference);
    } else if (std::memcmp(tensor.tensor.data(), other->tensor.data(), tensor.tensor.spec().bytes()) != 0) {
      difference.differing = difference.elements;
    }
    if (difference.differing > 0) found.push_back(std::move(difference));
  }
  return found;
}

void compare_weights(const fs::path& recorded, const fs::path& repeated, RecordDifference& difference) {
  const bool has_left = fs::exists(recorded), has_right = fs::exists(repeated);
  if (!has_left && !has_right) return;  // both diverged
  if (!has_left) throw Error(fmt::format("the record lacks '{}'", recorded.string()));
  const SafeTensors left = read_safetensors(recorded);
  difference.tensors = left.tensors.size();
  difference.final_weights = compare_tensors(
      left.tensors, has_right ? read_safetensors(repeated).tensors : std::vector<NamedTensor>());
}

void compare_checkpoints(const fs::path& recorded, const fs::path& repeated, RecordDifference& difference) {
  for (const auto& [step, path] : checkpoint_files(recorded)) {
    const fs::path other = repeated / path.filename();
    if (!fs::exists(other)) continue;
    Checkpoint left;
    try {
      left = read_checkpoint(path);
    } catch (const Error& error) {
      difference.damaged.push_back({step, error.what()});
      continue;
    }
    ++difference.checkpoints;
    std::vector<TensorDifference> states = compare_tensors(left.states, read_checkpoint(other).states);
    if (states.empty()) continue;
    difference.checkpoint = CheckpointDifference{step, std::move(states)};
    return;
  }
}

}  // namespace

std::uint64_t ulps_between(double a, double b) { return ulp_distance<double, std::uint64_t>(a, b); }
std::uint64_t ulps_between(float a, float b) { return ulp_distance<float, std::uint32_t>(a, b); }

std::uint64_t MetricDifference::ulps() const {
  if (!recorded || !repeated) return kNotComparable;
  const auto narrow = static_cast<float>(*recorded), other = static_cast<float>(*repeated);
  const bool floats = static_cast<double>(narrow) == *recorded && static_cast<double>(other) == *repeated;
  return floats ? ulps_between(narrow, other) : ulps_between(*recorded, *repeated);
}

std::optional<RecordDifference::Steps> RecordDifference::parting() const {
  std::optional<std::int64_t> last;
  const auto not_after = [&](std::int64_t step) { last = std::min(last.value_or(step), step); };
  // A measurement of a step is made from the weights before it: a loss that differs went another way in that
  // very step, or in one before.
  if (metric) not_after(metric->step);
  if (weights) not_after(weights->step);
  if (checkpoint) not_after(checkpoint->step);
  if (!last) return std::nullopt;
  return Steps{std::min(same_weights ? *same_weights + 1 : std::int64_t{1}, *last), *last};
}

RecordDifference difference_between(const fs::path& recorded, const fs::path& repeated) {
  RecordDifference difference;
  const fs::path metrics = recorded / "metrics.jsonl";
  if (!fs::exists(metrics)) throw Error(fmt::format("the record lacks '{}'", metrics.string()));
  const std::vector<std::string> left = lines_of(metrics), right = lines_of(repeated / "metrics.jsonl");
  compare_metrics(metrics, left, right, difference);
  if (difference.metric) compare_hashes(hash_points(metrics, left), hash_points(metrics, right), difference);
  compare_checkpoints(recorded / "checkpoints", repeated / "checkpoints", difference);
  compare_weights(recorded / "weights.safetensors", repeated / "weights.safetensors", difference);
  return difference;
}

}  // namespace assay
