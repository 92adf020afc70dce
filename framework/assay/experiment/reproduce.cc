#include "assay/experiment/reproduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "assay/data/safetensors.h"
#include "assay/experiment/stored_run.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

// Numbers of one type in their order, as integers: neighbours are one apart, and the zeros are the same.
template <class Float, class Bits>
std::uint64_t ulp_distance(Float a, Float b) {
  if (std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b)) return 0;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<std::uint64_t>::max();
  constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  const auto magnitude = [](Float x) { return std::uint64_t{std::bit_cast<Bits>(std::abs(x)) & ~kSign}; };
  const std::uint64_t x = magnitude(a), y = magnitude(b);
  // Zeros of two signs are other bits, though no number lies between them.
  if (std::signbit(a) != std::signbit(b)) return std::max<std::uint64_t>(x + y, 1);
  return x > y ? x - y : y - x;
}

double row_value(const nlohmann::json& row) {
  const nlohmann::json& value = row.at("value");
  if (value.is_number()) return value.get<double>();
  return value == "Infinity" ? HUGE_VAL : value == "-Infinity" ? -HUGE_VAL : std::nan("");
}

// Rows are the same where their bytes are: numbers are written so that they read back as the same bits.
void compare_metrics(const fs::path& recorded, const fs::path& repeated, SeedReproduction& seed) {
  std::ifstream a(recorded), b(repeated);
  if (!a) throw Error(fmt::format("the record lacks '{}'", recorded.string()));
  std::string left, right;
  while (true) {
    const bool has_left = static_cast<bool>(std::getline(a, left)),
               has_right = static_cast<bool>(std::getline(b, right));
    if (!has_left && !has_right) return;
    ++seed.rows;
    if (has_left && has_right && left == right) continue;
    MetricDifference difference;
    try {
      const nlohmann::json row = nlohmann::json::parse(has_left ? left : right);
      difference.step = row.at("step");
      difference.epoch = row.at("epoch");
      difference.name = row.at("name");
      if (has_left) difference.recorded = row_value(row);
      if (has_right) {
        const nlohmann::json other = nlohmann::json::parse(right);
        if (other.at("name") == difference.name && other.at("step") == difference.step)
          difference.repeated = row_value(other);
      }
    } catch (const nlohmann::json::exception&) {
      throw Error(fmt::format("'{}' is damaged in line {}", recorded.string(), seed.rows));
    }
    seed.metric = std::move(difference);
    return;
  }
}

std::vector<std::int64_t> index_in(const Shape& shape, std::int64_t element) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

template <class Float>
void compare_elements(const Tensor& a, const Tensor& b, TensorDifference& difference) {
  const auto x = a.as<Float>(), y = b.as<Float>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint64_t ulps = ulps_between(x[i], y[i]);
    if (ulps == 0) continue;
    if (difference.differing++ == 0) {
      difference.index = index_in(a.shape(), static_cast<std::int64_t>(i));
      difference.recorded = static_cast<double>(x[i]);
      difference.repeated = static_cast<double>(y[i]);
    }
    difference.most_ulps = std::max(difference.most_ulps, ulps);
  }
}

void compare_weights(const fs::path& recorded, const fs::path& repeated, SeedReproduction& seed) {
  const bool has_left = fs::exists(recorded), has_right = fs::exists(repeated);
  if (!has_left && !has_right) return;  // both diverged
  if (!has_left) throw Error(fmt::format("the record lacks '{}'", recorded.string()));
  const SafeTensors left = read_safetensors(recorded);
  const SafeTensors right = has_right ? read_safetensors(repeated) : SafeTensors{};
  for (const NamedTensor& tensor : left.tensors) {
    ++seed.tensors;
    TensorDifference difference{tensor.name, {}, 0, 0, 0, tensor.tensor.count(), 0};
    const auto other = std::ranges::find(right.tensors, tensor.name, &NamedTensor::name);
    if (other == right.tensors.end() || !(other->tensor.spec() == tensor.tensor.spec())) {
      difference.differing = difference.elements;
      difference.most_ulps = std::numeric_limits<std::uint64_t>::max();
    } else if (tensor.tensor.dtype() == DType::f64) {
      compare_elements<double>(tensor.tensor, other->tensor, difference);
    } else if (tensor.tensor.dtype() == DType::f32) {
      compare_elements<float>(tensor.tensor, other->tensor, difference);
    } else if (std::memcmp(tensor.tensor.data(), other->tensor.data(), tensor.tensor.spec().bytes()) != 0) {
      difference.differing = difference.elements;
    }
    if (difference.differing > 0) seed.tensor_differences.push_back(std::move(difference));
  }
}

}  // namespace

std::uint64_t ulps_between(double a, double b) { return ulp_distance<double, std::uint64_t>(a, b); }
std::uint64_t ulps_between(float a, float b) { return ulp_distance<float, std::uint32_t>(a, b); }

bool Reproduction::identical() const {
  return std::ranges::all_of(
      seeds, [](const SeedReproduction& seed) { return !seed.metric && seed.tensor_differences.empty(); });
}

Reproduction reproduce(const fs::path& run, const fs::path& scratch, Registry& registry,
                       RunObserver& observer, const std::atomic<bool>& stop) {
  const StoredRun recorded = read_stored_run(run);
  if (!recorded.finished() && recorded.status != "diverged") {
    throw Error(fmt::format("the run in '{}' is {}", run.string(), recorded.status))
        .help(recorded.status == "unreadable"
                  ? "its files are damaged"
                  : fmt::format("first end it: assay run --resume {}", run.string()));
  }
  const Experiment experiment = load_experiment(run / "experiment.yaml", {}, registry);
  const RunReport report = run_experiment(experiment, registry, scratch, scratch / "run", observer, stop);
  Reproduction result;
  if (report.status == TrainingResult::Status::interrupted) return result;
  for (const auto& [seed, training] : report.seeds) {
    SeedReproduction one;
    one.seed = seed;
    const fs::path part = experiment.seeds.size() > 1 ? fmt::format("seed-{}", seed) : "";
    compare_metrics(run / part / "metrics.jsonl", report.folder / part / "metrics.jsonl", one);
    compare_weights(run / part / "weights.safetensors", report.folder / part / "weights.safetensors", one);
    result.seeds.push_back(std::move(one));
  }
  result.environment = differences(recorded.environment, read_stored_run(report.folder).environment);
  return result;
}

}  // namespace assay
