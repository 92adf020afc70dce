#include "assay/bench/record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "assay/bench/statistics.h"
#include "assay/core/error.h"
#include "assay/core/isa.h"
#include "assay/core/system.h"
#include "assay/core/version.h"
#include "assay/data/file.h"

namespace assay::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "assay-bench";
constexpr int kVersion = 1;

Json environment() {
  const SystemInfo system = system_info();
  return {{"assay", version()},
          {"commit", build_commit()},
          {"build", build_description()},
          {"system", system.operating_system},
          {"processor", system.processor},
          {"cores", system.cores},
          {"instructions", name_of(selected_isa())}};
}

}  // namespace

void to_json(Json& json, const Facts& facts) {
  const MemoryReport& memory = facts.memory;
  json = {{"batch", facts.rows},
          {"parameters", facts.parameters},
          {"multiply_adds", facts.multiply_adds},
          {"threads", facts.threads},
          {"description", facts.backend},
          {"ops", facts.ops},
          {"fallbacks", facts.fallbacks},
          {"prepare_seconds", facts.prepare_seconds},
          {"compile_seconds", facts.compile_seconds},
          {"memory",
           {{"arena_bytes", memory.arena_bytes},
            {"largest_scratch_bytes", memory.largest_scratch_bytes},
            {"state_bytes", memory.state_bytes},
            {"constant_bytes", memory.constant_bytes},
            {"value_bytes", memory.value_bytes},
            {"liveness_bytes", memory.liveness_bytes},
            {"reorders", memory.reorders}}}};
}

void from_json(const Json& json, Facts& facts) {
  json.at("batch").get_to(facts.rows);
  json.at("parameters").get_to(facts.parameters);
  json.at("multiply_adds").get_to(facts.multiply_adds);
  json.at("threads").get_to(facts.threads);
  json.at("description").get_to(facts.backend);
  json.at("ops").get_to(facts.ops);
  json.at("fallbacks").get_to(facts.fallbacks);
  json.at("prepare_seconds").get_to(facts.prepare_seconds);
  json.at("compile_seconds").get_to(facts.compile_seconds);
  const Json& memory = json.at("memory");
  memory.at("arena_bytes").get_to(facts.memory.arena_bytes);
  memory.at("largest_scratch_bytes").get_to(facts.memory.largest_scratch_bytes);
  memory.at("state_bytes").get_to(facts.memory.state_bytes);
  memory.at("constant_bytes").get_to(facts.memory.constant_bytes);
  memory.at("value_bytes").get_to(facts.memory.value_bytes);
  memory.at("liveness_bytes").get_to(facts.memory.liveness_bytes);
  memory.at("reorders").get_to(facts.memory.reorders);
}

void to_json(Json& json, const OpTime& time) {
  json = {{"op", time.op},
          {"layer", time.layer},
          {"backward", time.backward},
          {"backend", time.backend},
          {"implementation", time.implementation},
          {"seconds", time.seconds},
          {"multiply_adds", time.multiply_adds}};
}

void from_json(const Json& json, OpTime& time) {
  json.at("op").get_to(time.op);
  json.at("layer").get_to(time.layer);
  json.at("backward").get_to(time.backward);
  json.at("backend").get_to(time.backend);
  json.at("implementation").get_to(time.implementation);
  json.at("seconds").get_to(time.seconds);
  json.at("multiply_adds").get_to(time.multiply_adds);
}

void to_json(Json& json, const Measurement& m) {
  const Summary summary = summarize(m.seconds);
  json = {{"file", m.file},
          {"experiment", m.experiment},
          {"backend", m.backend},
          {"dtype", m.dtype},
          {"median_seconds", summary.median},
          {"lower_quartile_seconds", summary.lower_quartile},
          {"upper_quartile_seconds", summary.upper_quartile},
          {"minimum_seconds", summary.minimum},
          {"samples_per_second", static_cast<double>(m.facts.rows) / summary.median},
          {"gflops", 2 * m.facts.multiply_adds / summary.median * 1e-9},
          {"peak_bytes", m.peak_bytes},
          {"allocations_per_step", m.allocations ? Json(*m.allocations) : Json()},
          {"steps_per_round", m.steps_per_round},
          {"seconds", m.seconds},
          {"facts", m.facts}};
  if (!m.profile.empty()) json["profile"] = m.profile;
}

void from_json(const Json& json, Measurement& m) {
  json.at("file").get_to(m.file);
  json.at("experiment").get_to(m.experiment);
  json.at("backend").get_to(m.backend);
  json.at("dtype").get_to(m.dtype);
  json.at("peak_bytes").get_to(m.peak_bytes);
  if (const Json& allocations = json.at("allocations_per_step"); !allocations.is_null())
    m.allocations = allocations.get<double>();
  json.at("steps_per_round").get_to(m.steps_per_round);
  json.at("seconds").get_to(m.seconds);
  json.at("facts").get_to(m.facts);
  if (json.contains("profile")) json["profile"].get_to(m.profile);
}

std::string to_report(std::span<const Measurement> measurements) {
  Json json{{"format", kFormat}, {"version", kVersion}, {"environment", environment()}};
  json["measurements"] = std::vector<Measurement>(measurements.begin(), measurements.end());
  return json.dump(2) + "\n";
}

std::vector<Measurement> read_report(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file::read(path);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(text, text + bytes.size(), nullptr, false);
  const auto refuse = [&](const std::string& what) {
    return Error(fmt::format("'{}' {}", path.string(), what))
        .help("write one with: assay bench FILE --format json > BASE.json");
  };
  if (json.is_discarded()) throw refuse("is no JSON");
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat)
    throw refuse("is no report of assay bench");
  if (!json.contains("version") || json["version"] != kVersion)
    throw refuse(fmt::format("is a report of another version: this one is {}", kVersion));
  try {
    auto measurements = json.at("measurements").get<std::vector<Measurement>>();
    for (const Measurement& m : measurements) {
      if (m.seconds.empty()) throw refuse("has a measurement without rounds");
    }
    return measurements;
  } catch (const Json::exception& exception) {
    throw refuse(fmt::format("is no whole report of assay bench: {}", exception.what()));
  }
}

}  // namespace assay::bench
