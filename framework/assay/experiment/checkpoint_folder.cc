#include "assay/experiment/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "assay/core/error.h"
#include "assay/data/file.h"

namespace assay {
namespace {

constexpr std::string_view kPrefix = "step-", kSuffix = ".safetensors";

// Less is better: of a metric to be maximised, its negative. What was not measured, or is not a number, comes
// last.
double score_of(const Experiment& experiment, const std::map<std::string, double>& metrics) {
  const bool maximize = experiment.early_stopping && experiment.early_stopping->maximize;
  const std::string monitor = experiment.early_stopping             ? experiment.early_stopping->monitor
                              : metrics.contains("validation/loss") ? "validation/loss"
                                                                    : "train/loss";
  const auto measured = metrics.find(monitor);
  const bool known = measured != metrics.end() && !std::isnan(measured->second);
  return !known ? HUGE_VAL : maximize ? -measured->second : measured->second;
}

}  // namespace

std::vector<std::pair<std::int64_t, std::filesystem::path>> checkpoint_files(
    const std::filesystem::path& folder) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> files;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::string number = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    if (number.empty() || number.size() > 18 || number.find_first_not_of("0123456789") != std::string::npos)
      continue;
    files.emplace_back(std::stoll(number), entry.path());
  }
  std::ranges::sort(files);
  return files;
}

CheckpointFolder::CheckpointFolder(std::filesystem::path folder, const Experiment& experiment)
    : folder_(std::move(folder)), experiment_(experiment) {}

bool CheckpointFolder::is_due(const TrainingProgress& progress, bool end_of_epoch) const {
  if (!experiment_.checkpoint) return false;
  const CheckpointConfig& config = *experiment_.checkpoint;
  return config.per_epoch == end_of_epoch &&
         (config.per_epoch ? progress.epoch : progress.step) % config.every == 0;
}

void CheckpointFolder::save(CheckpointView checkpoint) {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure)
    throw Error(fmt::format("the folder '{}' cannot be made: {}", folder_.string(), failure.message()));
  checkpoint.score = score_of(experiment_, checkpoint.progress.metrics);
  // Eight digits put the names in the order of the steps for people; newest() reads the number.
  const std::filesystem::path file =
      folder_ / fmt::format("{}{:08}{}", kPrefix, checkpoint.progress.step, kSuffix);
  write_checkpoint(file, checkpoint);
  const std::string name = file.filename().string() + "\n";
  const std::span<const std::byte> part = std::as_bytes(std::span(name));
  file::write_atomically(folder_ / "latest", std::span(&part, 1));
  std::erase_if(kept_, [&](const Kept& kept) { return kept.file == file; });
  kept_.push_back({file, checkpoint.score});
  prune();
}

void CheckpointFolder::prune() {
  const CheckpointConfig config = experiment_.checkpoint.value_or(CheckpointConfig{});
  std::set<std::filesystem::path> wanted;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (static_cast<std::int64_t>(kept_.size() - i) <= config.keep_last) wanted.insert(kept_[i].file);
  }
  wanted.insert(kept_.back().file);  // what `latest` names
  std::vector<Kept> best = kept_;
  std::ranges::stable_sort(best, {}, &Kept::score);
  for (std::size_t i = 0; i < best.size() && static_cast<std::int64_t>(i) < config.keep_best; ++i)
    wanted.insert(best[i].file);
  std::erase_if(kept_, [&](const Kept& kept) {
    if (wanted.contains(kept.file)) return false;
    std::error_code ignored;  // one more than wanted does no harm
    std::filesystem::remove(kept.file, ignored);
    return true;
  });
}

std::optional<Checkpoint> CheckpointFolder::newest(std::vector<std::string>& findings) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    if (entry.path().extension() == ".tmp") std::filesystem::remove(entry.path(), ignored);
  }
  std::optional<Checkpoint> newest;
  for (const auto& [step, path] : checkpoint_files(folder_)) {
    try {
      Checkpoint checkpoint = read_checkpoint(path);
      kept_.push_back({path, checkpoint.score});
      newest = std::move(checkpoint);
    } catch (const Error& error) {
      findings.push_back(error.what());
    }
  }
  return newest;
}

void CheckpointFolder::clear() {
  if (experiment_.checkpoint) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace assay
