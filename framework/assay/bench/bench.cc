#include "assay/bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "assay/bench/record.h"
#include "assay/bench/rounds.h"
#include "assay/bench/worker.h"
#include "assay/core/error.h"

namespace assay::bench {
namespace {

using Json = nlohmann::ordered_json;

// The highest resident memory of this process is from now on that of what follows.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::size_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

// What a process answers. Requests are "facts", "round N", "allocations N", "profile N" and "peak".
class Desk {
 public:
  Desk(const Experiment& experiment, const Registry& registry, const Options& options)
      : options_(options), subject_((reset_peak(), experiment), registry) {}

  std::string answer(const std::string& request) {
    const std::string_view words = request;
    const std::string_view what = words.substr(0, words.find(' '));
    std::int64_t steps = 0;
    if (what.size() < words.size())
      std::from_chars(words.data() + what.size() + 1, words.data() + words.size(), steps);
    if (what == "facts") return Json(subject_.facts()).dump();
    if (what == "peak") return Json(peak_bytes()).dump();
    if (what == "profile") return Json(subject_.profile(steps)).dump();
    subject_.run(1);  // threads are awake, and caches hold this program's data
    if (what == "allocations") return Json(allocations(steps)).dump();
    return Json(subject_.run(steps) / static_cast<double>(steps)).dump();
  }

 private:
  double allocations(std::int64_t steps) {
    const std::int64_t before = options_.allocations();
    subject_.run(steps);
    return static_cast<double>(options_.allocations() - before) / static_cast<double>(steps);
  }

  const Options& options_;
  Subject subject_;
};

Worker::Answer answer_of(const std::shared_ptr<Desk>& desk) {
  return [desk](const std::string& request) { return desk->answer(request); };
}

Measurement described(const Experiment& experiment) {
  Measurement m;
  m.file = experiment.file.string();
  m.experiment = experiment.name;
  m.backend = experiment.backend.type;
  m.dtype = name_of(experiment.dtype);
  return m;
}

}  // namespace

std::vector<Measurement> measure(std::span<const Experiment> experiments, const Registry& registry,
                                 const Options& options) {
  std::vector<Measurement> results;
  std::deque<Worker> workers;
  std::vector<Contestant> contestants;
  const auto count = static_cast<std::int64_t>(experiments.size());
  const std::int64_t total = count * (options.rounds + 2);
  std::int64_t done = 0;
  const auto tell = [&](const Measurement& m, const char* what) {
    if (options.progress)
      options.progress(fmt::format("{} on {}: {}", m.experiment, m.backend, what), done, total);
    ++done;
  };
  for (const Experiment& experiment : experiments) {
    Measurement& m = results.emplace_back(described(experiment));
    tell(m, "prepare");
    Worker& worker = workers.emplace_back(
        [&] { return answer_of(std::make_shared<Desk>(experiment, registry, options)); });
    m.facts = Json::parse(worker.ask("facts")).get<Facts>();
    Contestant& contestant = contestants.emplace_back();
    contestant.seconds_per_step = [&worker](std::int64_t steps) {
      return Json::parse(worker.ask(fmt::format("round {}", steps))).get<double>();
    };
    set_steps(contestant, options.round_seconds);
    m.steps_per_round = contestant.steps;
  }
  const auto seconds =
      go_around(contestants, options.rounds, [&](std::size_t i) { tell(results[i], "round"); });
  for (std::size_t i = 0; i < results.size(); ++i) {
    Measurement& m = results[i];
    tell(m, "look inside");
    m.seconds = seconds[i];
    m.peak_bytes = Json::parse(workers[i].ask("peak")).get<std::size_t>();
    const std::int64_t few = std::min<std::int64_t>(m.steps_per_round, 100);
    if (options.allocations)
      m.allocations = Json::parse(workers[i].ask(fmt::format("allocations {}", few))).get<double>();
    if (options.profile)
      m.profile = Json::parse(workers[i].ask(fmt::format("profile {}", few))).get<std::vector<OpTime>>();
  }
  return results;
}

}  // namespace assay::bench
