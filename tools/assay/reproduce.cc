// assay reproduce: a run trained again from its own record, and whether it gives the same bits.
#include "assay/experiment/reproduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/core/utf8.h"
#include "assay/experiment/weights_hash.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

std::atomic<bool> reproduce_stop_requested{false};

extern "C" void stop_reproducing(int) {
  if (reproduce_stop_requested.exchange(true)) std::_Exit(kInterrupted);
}

class ReproduceProgress final : public RunObserver {
 public:
  explicit ReproduceProgress(bool quiet) : bar_(quiet) {}
  void begin_epoch(std::int64_t epoch, std::int64_t epochs, std::int64_t steps) override {
    bar_.begin(fmt::format("epoch {}/{}", epoch + 1, epochs), steps);
  }
  void step(std::int64_t step, double) override { bar_.advance(step, ""); }

 private:
  ProgressBar bar_;
};

// A folder that goes when the command ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-reproduce-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Error(fmt::format("'{}' cannot be made", name));
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string distance_text(std::uint64_t ulps) {
  return ulps == ~std::uint64_t{0} ? "not comparable" : fmt::format("{} ulp", ulps);
}

std::string metric_text(const MetricDifference& difference) {
  if (difference.name == kWeightsHash && difference.recorded && difference.repeated) {
    return fmt::format("the weights after step {}, epoch {} are not the same; every measurement before is",
                       difference.step, difference.epoch);
  }
  std::string text = fmt::format("first measurement that differs: step {}, epoch {}, {}", difference.step,
                                 difference.epoch, difference.name);
  if (!difference.recorded) return text + ": the record ends before it";
  if (!difference.repeated)
    return text + fmt::format(": {} in the record, and none now", *difference.recorded);
  return text + fmt::format(": {} in the record, {} now ({})", *difference.recorded, *difference.repeated,
                            distance_text(ulps_between(*difference.recorded, *difference.repeated)));
}

void print_reproduction(const Reproduction& result) {
  for (const SeedReproduction& seed : result.seeds) {
    if (!seed.metric && seed.tensor_differences.empty()) {
      fmt::print("seed {}: bit-identical: {} measurements, {} tensors\n", seed.seed, seed.rows, seed.tensors);
      continue;
    }
    fmt::print("seed {}: not the same bits\n", seed.seed);
    if (seed.metric) fmt::print("  {}\n", metric_text(*seed.metric));
    if (seed.tensor_differences.empty()) continue;
    Table table({"tensor", "elements that differ", "first", "recorded", "now", "at most"});
    for (const TensorDifference& tensor : seed.tensor_differences) {
      table.add({tensor.tensor, fmt::format("{} of {}", tensor.differing, tensor.elements),
                 fmt::format("{}", tensor.index), fmt::format("{}", tensor.recorded),
                 fmt::format("{}", tensor.repeated), distance_text(tensor.most_ulps)});
    }
    fmt::print("{}", table.render());
  }
  if (result.environment.empty()) {
    if (!result.identical()) fmt::print("the environment is the same\n");
    return;
  }
  Table table({"environment", "recorded", "now"});
  for (const Difference& difference : result.environment)
    table.add({difference.key, shortened(difference.left.value_or("—")),
               shortened(difference.right.value_or("—"))});
  fmt::print("{}", table.render());
}

void print_reproduction_as_json(const Reproduction& result) {
  using nlohmann::ordered_json;
  ordered_json json{{"identical", result.identical()}, {"seeds", ordered_json::array()}};
  for (const SeedReproduction& seed : result.seeds) {
    ordered_json one{{"seed", seed.seed}, {"measurements", seed.rows}, {"tensors", seed.tensors}};
    if (seed.metric) {
      one["first_measurement"] = {{"step", seed.metric->step},
                                  {"epoch", seed.metric->epoch},
                                  {"name", seed.metric->name},
                                  {"text", metric_text(*seed.metric)}};
    }
    one["tensors_that_differ"] = ordered_json::array();
    for (const TensorDifference& tensor : seed.tensor_differences) {
      one["tensors_that_differ"].push_back({{"tensor", tensor.tensor},
                                            {"index", tensor.index},
                                            {"differing", tensor.differing},
                                            {"elements", tensor.elements},
                                            {"most_ulps", tensor.most_ulps}});
    }
    json["seeds"].push_back(std::move(one));
  }
  json["environment"] = ordered_json::array();
  for (const Difference& difference : result.environment) {
    ordered_json one{{"key", difference.key}, {"recorded", nullptr}, {"now", nullptr}};
    if (difference.left) one["recorded"] = *difference.left;
    if (difference.right) one["now"] = *difference.right;
    json["environment"].push_back(std::move(one));
  }
  fmt::print("{}\n", json.dump(2));
}

int run_reproduce(const Arguments& arguments) {
  Session session(arguments);
  const std::string& folder = arguments.positionals().front();
  const ScratchFolder scratch;
  std::signal(SIGINT, stop_reproducing);
  std::signal(SIGTERM, stop_reproducing);
  Reproduction result;
  {
    ReproduceProgress progress(arguments.has("quiet"));
    result = reproduce(folder, scratch.path(), session.registry(), progress, reproduce_stop_requested);
  }
  if (reproduce_stop_requested) return kInterrupted;
  if (arguments.text("format", "text") == "json")
    print_reproduction_as_json(result);
  else
    print_reproduction(result);
  next_step("assay list runs");
  return result.identical() ? kOk : kCheckFailed;
}

}  // namespace

Command reproduce_command() {
  return {
      "reproduce",
      "train a run again from its record, and compare every bit",
      {{"assay reproduce runs/xor/20261125T120000Z-0a1b2c3d",
        "bit-identical, or the first step and the tensors that differ, and what differs in the environment"}},
      {{"RUN", "the run's folder; exit code 1 where the bits are not the same"}},
      {{"format", 0, "FORMAT", "how to print", {"text", "json"}},
       {"quiet", 'q', "", "no progress"},
       {"plugin", 0, "PATH", "load a plugin first", {}, true}},
      run_reproduce};
}

}  // namespace assay::cli
