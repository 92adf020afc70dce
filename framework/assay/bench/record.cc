#include "assay/bench/record.h"

#include <fmt/format.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>

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

template <class T, class U>
concept Same = std::same_as<std::remove_const_t<T>, U>;

// The fields of a record by their names, for writing and for reading.
template <Same<MemoryReport> T>
void each_field(T& memory, auto visit) {
  visit("arena_bytes", memory.arena_bytes);
  visit("largest_scratch_bytes", memory.largest_scratch_bytes);
  visit("state_bytes", memory.state_bytes);
  visit("constant_bytes", memory.constant_bytes);
  visit("value_bytes", memory.value_bytes);
  visit("liveness_bytes", memory.liveness_bytes);
  visit("reorders", memory.reorders);
}
template <Same<Facts> T>
void each_field(T& facts, auto visit) {
  visit("batch", facts.rows);
  visit("parameters", facts.parameters);
  visit("multiply_adds", facts.multiply_adds);
  visit("threads", facts.threads);
  visit("description", facts.backend);
  visit("ops", facts.ops);
  visit("fallbacks", facts.fallbacks);
  visit("prepare_seconds", facts.prepare_seconds);
  visit("compile_seconds", facts.compile_seconds);
  visit("memory", facts.memory);
}
template <Same<OpTime> T>
void each_field(T& time, auto visit) {
  visit("op", time.op);
  visit("layer", time.layer);
  visit("backward", time.backward);
  visit("backend", time.backend);
  visit("implementation", time.implementation);
  visit("seconds", time.seconds);
  visit("multiply_adds", time.multiply_adds);
}
template <Same<Measurement> T>
void each_field(T& m, auto visit) {
  visit("file", m.file);
  visit("experiment", m.experiment);
  visit("backend", m.backend);
  visit("dtype", m.dtype);
  visit("peak_bytes", m.peak_bytes);
  visit("steps_per_round", m.steps_per_round);
  visit("seconds", m.seconds);
  visit("facts", m.facts);
}

// MemoryReport is no record of this namespace, in which the library looks for to_json() and from_json().
template <class Record>
void write(Json& json, const Record& record) {
  each_field(record, [&]<class Field>(const char* name, const Field& field) {
    if constexpr (std::same_as<Field, MemoryReport>) {
      write(json[name], field);
    } else {
      json[name] = field;
    }
  });
}
template <class Record>
void read(const Json& json, Record& record) {
  each_field(record, [&]<class Field>(const char* name, Field& field) {
    if constexpr (std::same_as<Field, MemoryReport>) {
      read(json.at(name), field);
    } else {
      json.at(name).get_to(field);
    }
  });
}

}  // namespace

void to_json(Json& json, const Facts& facts) { write(json, facts); }
void from_json(const Json& json, Facts& facts) { read(json, facts); }
void to_json(Json& json, const OpTime& time) { write(json, time); }
void from_json(const Json& json, OpTime& time) { read(json, time); }

// What follows from the rounds is written for those who read reports by other means, and not read again.
void to_json(Json& json, const Measurement& m) {
  const Summary summary = summarize(m.seconds);
  json["median_seconds"] = summary.median;
  json["lower_quartile_seconds"] = summary.lower_quartile;
  json["upper_quartile_seconds"] = summary.upper_quartile;
  json["minimum_seconds"] = summary.minimum;
  json["samples_per_second"] = static_cast<double>(m.facts.rows) / summary.median;
  json["gflops"] = 2 * m.facts.multiply_adds / summary.median * 1e-9;
  write(json, m);
  json["allocations_per_step"] = m.allocations ? Json(*m.allocations) : Json();
  if (!m.profile.empty()) json["profile"] = m.profile;
}

void from_json(const Json& json, Measurement& m) {
  read(json, m);
  if (const Json& allocations = json.at("allocations_per_step"); !allocations.is_null())
    m.allocations = allocations.get<double>();
  if (json.contains("profile")) json["profile"].get_to(m.profile);
}

std::string to_report(std::span<const Measurement> measurements) {
  Json json{{"format", kFormat}, {"version", kVersion}, {"environment", environment()}};
  json["measurements"] = std::vector<Measurement>(measurements.begin(), measurements.end());
  return json.dump(2) + "\n";
}

std::vector<Measurement> read_report(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what) {
    return Error(fmt::format("'{}' {}", path.string(), what))
        .help("write one with: assay bench FILE --format json > BASE.json");
  };
  if (!std::filesystem::exists(path)) throw refuse("is not there");
  const std::vector<std::byte> bytes = file::read(path);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(text, text + bytes.size(), nullptr, false);
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
