#include "assay/experiment/checkpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "assay/core/error.h"
#include "assay/core/utf8.h"
#include "assay/core/version.h"
#include "assay/data/file.h"
#include "assay/data/safetensors.h"

namespace assay {
namespace {

using Metadata = std::map<std::string, std::string>;

constexpr const char* kVersion = "1";
constexpr std::string_view kBest = "best/", kHash = "hash/", kMetric = "metric/", kConfusion = "confusion/";

// Hexadecimal, so that the same bits come back; NaN and infinities as printf has them.
std::string to_text(double value) { return fmt::format("{:a}", value); }

std::string hash_of(const std::string& name, const TensorView& tensor) {
  file::ContentHash hash;
  const std::string header = fmt::format("{}\n{}\n", name, tensor.spec.to_string());
  hash.add(std::as_bytes(std::span(header)));
  hash.add(tensor);
  return hash.text();
}

// Of everything but the hash itself; the tensors' hashes are part of it.
std::string hash_of(const Metadata& metadata) {
  file::ContentHash hash;
  for (const auto& [key, value] : metadata) {
    if (key == "hash") continue;
    const std::string sizes = fmt::format("{} {}\n", key.size(), value.size());
    hash.add(std::as_bytes(std::span(sizes)));
    hash.add(std::as_bytes(std::span(key)));
    hash.add(std::as_bytes(std::span(value)));
  }
  return hash.text();
}

std::string to_text(const ConfusionMatrix& matrix) {
  std::string text = std::to_string(matrix.classes);
  for (const std::int64_t count : matrix.counts) text += fmt::format(" {}", count);
  return text;
}

// The metadata's entries with their types. They have passed their hash, so that an unreadable one is another
// writer's.
class MetadataReader {
 public:
  MetadataReader(const Metadata& metadata, const std::filesystem::path& path)
      : metadata_(metadata), path_(path) {}

  const std::string& text(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) file::fail(path_, fmt::format("the checkpoint has no '{}'", key));
    return found->second;
  }
  template <class Integer>
  Integer integer(const std::string& key) const {
    return parse<Integer>(text(key), key);
  }
  double number(const std::string& key) const { return number_in(text(key), key); }
  double number_in(const std::string& value, const std::string& key) const {
    char* end = nullptr;
    const double result = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0') fail(key, value);
    return result;
  }
  ConfusionMatrix matrix_in(const std::string& value, const std::string& key) const {
    std::vector<std::int64_t> numbers;
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(' ', at), value.size());
      numbers.push_back(parse<std::int64_t>(value.substr(at, end - at), key));
      at = end + 1;
    }
    const std::int64_t classes = numbers.front();
    if (classes < 0 || file::saturating_product(static_cast<std::uint64_t>(classes),
                                                static_cast<std::uint64_t>(classes)) != numbers.size() - 1)
      fail(key, value);
    return {classes, {numbers.begin() + 1, numbers.end()}};
  }

 private:
  template <class Integer>
  Integer parse(const std::string& value, const std::string& key) const {
    Integer result = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (problem != std::errc() || end != value.data() + value.size()) fail(key, value);
    return result;
  }
  [[noreturn]] void fail(const std::string& key, const std::string& value) const {
    file::fail(path_,
               fmt::format("the checkpoint's '{}' is {}, which cannot be read", key, in_quotes(value)));
  }

  const Metadata& metadata_;
  const std::filesystem::path& path_;
};

TrainingProgress read_progress(const MetadataReader& reader, const Metadata& metadata) {
  TrainingProgress progress;
  progress.step = reader.integer<std::int64_t>("step");
  progress.epoch = reader.integer<std::int64_t>("epoch");
  progress.batch = reader.integer<std::int64_t>("batch");
  progress.loss_sum = reader.number("loss_sum");
  progress.rows_seen = reader.integer<std::int64_t>("rows_seen");
  progress.best_seen = reader.integer<int>("best_seen") != 0;
  progress.best_value = reader.number("best_value");
  progress.epochs_waited = reader.integer<std::int64_t>("epochs_waited");
  progress.stopped_early = reader.integer<int>("stopped_early") != 0;
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(kMetric)) progress.metrics[key.substr(kMetric.size())] = reader.number_in(value, key);
    if (key.starts_with(kConfusion))
      progress.confusion[key.substr(kConfusion.size())] = reader.matrix_in(value, key);
  }
  return progress;
}

}  // namespace

CheckpointView::CheckpointView(const Checkpoint& checkpoint) : CheckpointHead(checkpoint) {
  for (const NamedTensor& state : checkpoint.states) states.push_back({state.name, state.tensor.view()});
  for (const NamedTensor& state : checkpoint.best) best.push_back({state.name, state.tensor.view()});
}

void write_checkpoint(const std::filesystem::path& path, const CheckpointView& checkpoint) {
  const TrainingProgress& progress = checkpoint.progress;
  Metadata metadata{{"format", "pt"},
                    {"producer", fmt::format("assay {}", version())},
                    {"checkpoint", kVersion},
                    {"seed", std::to_string(checkpoint.seed)},
                    {"experiment", checkpoint.experiment},
                    {"data", checkpoint.data},
                    {"metrics_bytes", std::to_string(checkpoint.metrics_bytes)},
                    {"score", to_text(checkpoint.score)},
                    {"step", std::to_string(progress.step)},
                    {"epoch", std::to_string(progress.epoch)},
                    {"batch", std::to_string(progress.batch)},
                    {"loss_sum", to_text(progress.loss_sum)},
                    {"rows_seen", std::to_string(progress.rows_seen)},
                    {"best_seen", progress.best_seen ? "1" : "0"},
                    {"best_value", to_text(progress.best_value)},
                    {"epochs_waited", std::to_string(progress.epochs_waited)},
                    {"stopped_early", progress.stopped_early ? "1" : "0"}};
  for (const auto& [name, value] : progress.metrics) metadata[std::string(kMetric) + name] = to_text(value);
  for (const auto& [part, matrix] : progress.confusion)
    metadata[std::string(kConfusion) + part] = to_text(matrix);

  std::vector<NamedView> views = checkpoint.states;
  for (const NamedView& state : checkpoint.best)
    views.push_back({std::string(kBest) + state.name, state.view});
  for (const NamedView& view : views)
    metadata[std::string(kHash) + view.name] = hash_of(view.name, view.view);
  metadata["hash"] = hash_of(metadata);
  write_safetensors(path, views, metadata);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  SafeTensors content = read_safetensors(path);
  Metadata& metadata = content.metadata;
  if (!metadata.contains("checkpoint"))
    file::fail(path, "this is no checkpoint", "weights alone are read with model.weights");
  const MetadataReader reader(metadata, path);
  if (reader.text("hash") != hash_of(metadata))
    file::fail(path,
               "the checkpoint is damaged: its metadata do not have the hash that was written with them");
  if (reader.text("checkpoint") != kVersion) {
    file::fail(path, fmt::format("the checkpoint has version {}, but this program reads version {}",
                                 in_quotes(reader.text("checkpoint")), kVersion));
  }
  Checkpoint checkpoint;
  std::size_t hashes = 0;
  for (const auto& [key, value] : metadata) hashes += key.starts_with(kHash) ? 1 : 0;
  if (hashes != content.tensors.size()) {
    file::fail(path, fmt::format("the checkpoint is damaged: it has {} tensors, but was written with {}",
                                 content.tensors.size(), hashes));
  }
  for (NamedTensor& state : content.tensors) {
    if (reader.text(std::string(kHash) + state.name) != hash_of(state.name, state.tensor.view())) {
      file::fail(
          path,
          fmt::format("the checkpoint is damaged: tensor {} does not have the hash that was written with it",
                      in_quotes(state.name)));
    }
    if (state.name.starts_with(kBest)) {
      checkpoint.best.push_back({state.name.substr(kBest.size()), std::move(state.tensor)});
    } else {
      checkpoint.states.push_back(std::move(state));
    }
  }
  checkpoint.seed = reader.integer<std::uint64_t>("seed");
  checkpoint.experiment = reader.text("experiment");
  checkpoint.data = reader.text("data");
  checkpoint.metrics_bytes = reader.integer<std::uint64_t>("metrics_bytes");
  checkpoint.score = reader.number("score");
  checkpoint.progress = read_progress(reader, metadata);
  return checkpoint;
}

}  // namespace assay
