// assay reproduce: a run trained again from its own record, and whether it gives the same bits.
#include "assay/experiment/reproduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/core/scratch_folder.h"
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

std::string distance_text(std::uint64_t ulps) {
  return ulps == ~std::uint64_t{0} ? "not comparable" : fmt::format("{} ulp", ulps);
}

std::string metric_text(const MetricDifference& difference) {
  const std::string where =
      fmt::format("step {}, epoch {}, {}", difference.step, difference.epoch, difference.name);
  if (!difference.recorded) return where + ": the record ends before it";
  if (difference.name.starts_with(kWeightsHash)) return where;  // how far two hashes are apart says nothing
  if (!difference.repeated)
    return where + fmt::format(": {} in the record, and none now", *difference.recorded);
  return where + fmt::format(": {} in the record, {} now ({})", *difference.recorded, *difference.repeated,
                             distance_text(difference.ulps()));
}

std::string steps_text(const RecordDifference::Steps& steps) {
  if (steps.last == 0) return "before the first step: the initial weights are others";
  if (steps.first == steps.last) return fmt::format("in step {}", steps.first);
  return fmt::format("in one of the steps {} to {}", steps.first, steps.last);
}

std::string weights_text(const RecordDifference& difference) {
  std::string text = fmt::format("after step {}, epoch {}: {}", difference.weights->step,
                                 difference.weights->epoch, join(difference.weights->tensors));
  if (difference.same_weights) text += fmt::format(" (all the same after step {})", *difference.same_weights);
  return text;
}

void print_tensors(const std::string& title, const std::vector<TensorDifference>& tensors) {
  Table table({title, "elements that differ", "first", "recorded", "now", "at most"});
  for (const TensorDifference& tensor : tensors) {
    table.add({tensor.tensor, fmt::format("{} of {}", tensor.differing, tensor.elements),
               fmt::format("{}", tensor.index), fmt::format("{}", tensor.recorded),
               fmt::format("{}", tensor.repeated), distance_text(tensor.most_ulps)});
  }
  fmt::print("{}", table.render());
}

void print_seed(const SeedReproduction& seed) {
  const RecordDifference& difference = seed.difference;
  if (difference.none()) {
    fmt::print("seed {}: bit-identical: {} measurements, {} tensors{}\n", seed.seed, difference.rows,
               difference.tensors,
               difference.checkpoints == 0 ? "" : fmt::format(", {} checkpoints", difference.checkpoints));
    return;
  }
  fmt::print("seed {}: not the same bits\n", seed.seed);
  if (const auto steps = difference.parting()) fmt::print("  parted {}\n", steps_text(*steps));
  if (difference.metric)
    fmt::print("  first measurement that differs: {}\n", metric_text(*difference.metric));
  if (difference.weights) fmt::print("  first weights that differ: {}\n", weights_text(difference));
  if (difference.checkpoint)
    print_tensors(fmt::format("state after step {}", difference.checkpoint->step),
                  difference.checkpoint->states);
  for (const DamagedCheckpoint& damaged : difference.damaged)
    fmt::print("  the checkpoint of step {} was not compared: {}\n", damaged.step, damaged.reason);
  if (!difference.final_weights.empty()) print_tensors("weights at the end", difference.final_weights);
}

void print_differences(const char* title, const std::vector<Difference>& differences) {
  if (differences.empty()) return;
  Table table({title, "recorded", "now"});
  for (const Difference& difference : differences)
    table.add({difference.key, shortened(difference.left.value_or("—")),
               shortened(difference.right.value_or("—"))});
  fmt::print("{}", table.render());
}

void print_reproduction(const Reproduction& result) {
  for (const SeedReproduction& seed : result.seeds) print_seed(seed);
  if (result.environment.empty() && !result.identical()) fmt::print("the environment is the same\n");
  print_differences("environment", result.environment);
  print_differences("git", result.git);
}

using Json = nlohmann::ordered_json;

Json to_json(const std::vector<TensorDifference>& tensors) {
  Json list = Json::array();
  for (const TensorDifference& tensor : tensors) {
    list.push_back({{"tensor", tensor.tensor},
                    {"index", tensor.index},
                    {"differing", tensor.differing},
                    {"elements", tensor.elements},
                    {"most_ulps", tensor.most_ulps}});
  }
  return list;
}

Json to_json(const SeedReproduction& seed) {
  const RecordDifference& difference = seed.difference;
  Json json{{"seed", seed.seed},
            {"measurements", difference.rows},
            {"tensors", difference.tensors},
            {"checkpoints", difference.checkpoints}};
  if (const auto steps = difference.parting()) json["parted_in_steps"] = {steps->first, steps->last};
  if (difference.metric) {
    json["first_measurement"] = {{"step", difference.metric->step},
                                 {"epoch", difference.metric->epoch},
                                 {"name", difference.metric->name},
                                 {"text", metric_text(*difference.metric)}};
  }
  if (difference.weights) {
    json["first_weights"] = {{"step", difference.weights->step},
                             {"epoch", difference.weights->epoch},
                             {"tensors", difference.weights->tensors}};
  }
  if (difference.checkpoint) {
    json["first_checkpoint"] = {{"step", difference.checkpoint->step},
                                {"states_that_differ", to_json(difference.checkpoint->states)}};
  }
  json["damaged_checkpoints"] = Json::array();
  for (const DamagedCheckpoint& damaged : difference.damaged)
    json["damaged_checkpoints"].push_back({{"step", damaged.step}, {"reason", damaged.reason}});
  json["tensors_that_differ"] = to_json(difference.final_weights);
  return json;
}

Json to_json(const std::vector<Difference>& differences) {
  Json list = Json::array();
  for (const Difference& difference : differences) {
    Json one{{"key", difference.key}, {"recorded", nullptr}, {"now", nullptr}};
    if (difference.left) one["recorded"] = *difference.left;
    if (difference.right) one["now"] = *difference.right;
    list.push_back(std::move(one));
  }
  return list;
}

void print_reproduction_as_json(const Reproduction& result) {
  Json json{{"identical", result.identical()}, {"seeds", Json::array()}};
  for (const SeedReproduction& seed : result.seeds) json["seeds"].push_back(to_json(seed));
  json["environment"] = to_json(result.environment);
  json["git"] = to_json(result.git);
  fmt::print("{}\n", json.dump(2));
}

int run_reproduce(const Arguments& arguments) {
  Session session(arguments);
  const std::string& folder = arguments.positionals().front();
  const ScratchFolder scratch("assay-reproduce");
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
        "bit-identical, or the steps and the tensors that part first, and what differs in the environment"}},
      {{"RUN", "the run's folder; exit code 1 where the bits are not the same"}},
      {{"format", 0, "FORMAT", "how to print", {"text", "json"}},
       {"quiet", 'q', "", "no progress"},
       {"plugin", 0, "PATH", "load a plugin first", {}, true}},
      run_reproduce,
      "What a record tells of the place where two runs part:\n"
      "  every record               the loss of every step, and a hash of every weight tensor before the "
      "first step,\n"
      "                             every 100 steps and after every epoch: the tensors that part first, and "
      "the steps\n"
      "                             between which they do; of the final weights, how many ulps\n"
      "  one that kept checkpoints  of every state in them, the optimizer's too, how many ulps:\n"
      "                             checkpoint: {every: 10 steps, keep_last: 1000}\n"
      "The state of the git repository is shown, and is no part of the result.\n"};
}

}  // namespace assay::cli
