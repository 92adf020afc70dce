#include "assay/experiment/run_record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>

#include "assay/core/isa.h"
#include "assay/core/system.h"
#include "assay/core/version.h"
#include "assay/data/file.h"
#include "assay/data/safetensors.h"
#include "assay/experiment/emit_yaml.h"

namespace assay {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Placement& row) {
  Json json{{"op", row.op},
            {"layer", row.scope},
            {"backward", row.backward},
            {"backend", row.backend},
            {"implementation", row.implementation}};
  if (!row.expanded_from.empty()) json["part_of"] = row.expanded_from;
  if (!row.accuracy.algebra.name.empty()) json["algebra"] = row.accuracy.algebra.name;
  if (row.fallback) json["fallback"] = true;
  if (!row.refusals.empty()) json["refusals"] = row.refusals;
  return json;
}

Json data_json(const SplitDataset& data) {
  Json json{{"identity", data.identity()}, {"train_rows", data.train.rows()}};
  if (data.validation) json["validation_rows"] = data.validation->rows();
  if (data.test) json["test_rows"] = data.test->rows();
  if (data.train.has_labels()) json["classes"] = data.train.classes;
  if (!data.train.class_names.empty()) json["class_names"] = data.train.class_names;
  return json;
}

// XXH3 of a file that the process runs from. A program that was replaced since may be gone.
std::string hash_of_file(const std::filesystem::path& path) {
  try {
    return file::identity(std::array{path});
  } catch (const Error&) {
    return "unreadable";
  }
}

struct ProgramHashes {
  std::string executable = hash_of_file("/proc/self/exe"), shared_object = hash_of_file(library_file());
};

// They do not change, and reading the files takes some milliseconds.
const ProgramHashes& program_hashes() {
  static const ProgramHashes hashes;
  return hashes;
}

Json program_json() {
  Json json{{"version", version()}, {"build", build_description()}};
  if (!build_commit().empty()) json["commit"] = build_commit();
  json["program"] = {{"xxh3", program_hashes().executable}};
  json["library"] = {{"xxh3", program_hashes().shared_object}};
  return json;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  return fmt::format("{}", value);
}

// As JSON. Few names hold what it has to escape.
std::string in_json_quotes(const std::string& name) { return Json(name).dump(); }

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw Error(fmt::format("{} '{}': {}", what, path.string(), std::strerror(errno)));
}

}  // namespace

std::filesystem::path make_run_directory(const Experiment& experiment, const std::filesystem::path& root,
                                         const std::filesystem::path& chosen) {
  std::filesystem::path folder = chosen;
  if (chosen.empty()) {
    const std::string yaml = emit_yaml(experiment.resolved);
    const auto hash = static_cast<std::uint32_t>(XXH3_64bits(yaml.data(), yaml.size()));
    const std::string stem = fmt::format("{:%Y%m%dT%H%M%SZ}-{:08x}", fmt::gmtime(std::time(nullptr)), hash);
    folder = root / "runs" / experiment.name / stem;
    std::error_code failure;
    std::filesystem::create_directories(folder.parent_path(), failure);
    // Who makes it has it: another run may start in the same second.
    for (int again = 2; !failure && !std::filesystem::create_directory(folder, failure); ++again)
      folder.replace_filename(fmt::format("{}-{}", stem, again));
  } else if (std::filesystem::exists(chosen / "experiment.yaml")) {
    throw Error(fmt::format("'{}' holds a run already", chosen.string()))
        .help("choose another folder for --run-dir");
  }
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    throw Error(fmt::format("the run folder '{}' cannot be made: {}", folder.string(), failure.message()));
  if (access(folder.c_str(), W_OK) != 0) fail(folder, "nothing can be written to");
  return folder;
}

MetricsFile::MetricsFile(const std::filesystem::path& path)
    : path_(path), file_(std::fopen(path.c_str(), "ab")) {
  if (file_ == nullptr) fail(path, "cannot open");
}
MetricsFile::~MetricsFile() { std::fclose(file_); }

void MetricsFile::append(const MetricRow& row) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_),
                 "{{\"step\":{},\"epoch\":{},\"seed\":{},\"name\":{},\"value\":{}}}\n", row.step, row.epoch,
                 row.seed, in_json_quotes(row.name), number_text(row.value));
  if (std::fwrite(line_.data(), 1, line_.size(), file_) != line_.size()) fail(path_, "cannot write");
}

void MetricsFile::flush() {
  if (std::fflush(file_) != 0) fail(path_, "cannot write");
}

std::uint64_t MetricsFile::sync() {
  flush();
  if (::fsync(::fileno(file_)) != 0) fail(path_, "cannot write");
  return file::size(path_);
}

void MetricsFile::truncate(std::uint64_t bytes) {
  flush();
  if (const std::uint64_t size = file::size(path_); size < bytes) {
    file::fail(
        path_,
        fmt::format("the checkpoint was written when this file had {} bytes, but it has {}", bytes, size),
        "rows were lost, so that the record cannot be continued; start a new run from the checkpoint with "
        "model.weights");
  }
  std::error_code failure;
  std::filesystem::resize_file(path_, bytes, failure);
  if (failure) throw Error(fmt::format("cannot shorten '{}': {}", path_.string(), failure.message()));
}

void write_text(const std::filesystem::path& path, const std::string& text, file::Durability durability) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  file::write_atomically(path, std::span(&part, 1), durability);
}

void hash_program() { program_hashes(); }

std::string environment_text(const Problem& problem, const Program& program,
                             std::span<const PluginRecord> plugins) {
  const SystemInfo system = system_info();
  Json json;
  json["assay"] = program_json();
  json["system"] = {{"operating_system", system.operating_system},
                    {"processor", system.processor},
                    {"cores", system.cores},
                    {"memory_bytes", system.memory_bytes}};
  json["instruction_set"] = name_of(selected_isa());
  json["threads"] = problem.threads();
  for (const auto& [name, library] : library_versions()) json["libraries"][name] = library;
  for (const PluginRecord& plugin : plugins) {
    json["plugins"].push_back({{"name", plugin.name},
                               {"version", plugin.version},
                               {"file", plugin.file},
                               {"sha256", plugin.sha256}});
  }
  for (const Backend* backend : problem.backends()) json["backends"].push_back(backend->description());
  json["numeric"] = {{"dtype", name_of(problem.experiment().dtype)}};
  json["data"] = data_json(problem.data());
  json["model"] = {{"parameters", problem.model().parameter_count()}};
  const MemoryReport& memory = program.memory();
  json["memory"] = {{"arena_bytes", memory.arena_bytes},
                    {"liveness_bytes", memory.liveness_bytes},
                    {"state_bytes", memory.state_bytes},
                    {"constant_bytes", memory.constant_bytes},
                    {"reorders", memory.reorders}};
  json["placement"] = Json::array();
  for (const Placement& row : program.placements()) json["placement"].push_back(to_json(row));
  const std::string table = json["placement"].dump();
  json["placement_xxh3"] = file::ContentHash().add(std::as_bytes(std::span(table))).text();
  return json.dump(2) + "\n";
}

void write_weights(const std::filesystem::path& path, const Model& model, const StateStore& states) {
  std::vector<Tensor> tensors;
  std::vector<NamedView> views;
  for (const StateInfo& info : model.states()) {
    if (info.kind == StateKind::slot) continue;
    tensors.push_back(states.read(info.name));
    views.push_back({info.name, tensors.back().view()});
  }
  write_safetensors(path, views, {{"format", "pt"}, {"producer", fmt::format("assay {}", version())}});
}

}  // namespace assay
