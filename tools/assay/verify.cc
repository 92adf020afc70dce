// assay verify: proof for gradients and kernels — of every registered op, or of an experiment.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/session.h"
#include "assay/terminal.h"
#include "assay/verify/components.h"
#include "assay/verify/conformance.h"
#include "assay/verify/coverage.h"
#include "assay/verify/crash.h"
#include "assay/verify/experiment.h"
#include "assay/verify_last_failed.h"
#include "assay/verify_modes.h"

namespace assay::cli {
namespace {

int verify_ops(const Arguments& arguments, const Registry& registry) {
  verify::OpsOptions options;
  options.select = selection_of(arguments, "--ops");
  options.tier = verify::parse_tier(arguments.text("tier", "standard"));
  options.stop_at_first_failure = arguments.has("exit-first");
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, 1 << 30).value_or(1));
  options.backends = backends_of(arguments);
  options.dtypes = dtypes_of(arguments);
  for (const std::string& plugin : arguments.all("plugin")) options.command += " --plugin " + plugin;
  ProgressBar bar(arguments.has("quiet") || !is_terminal(stderr));
  bar.begin("ops", static_cast<std::int64_t>(registry.ops.names().size()));
  options.progress = [&](const std::string& op, std::size_t done, std::size_t) {
    bar.advance(static_cast<std::int64_t>(done), op);
  };
  verify::Report result = verify::verify_ops(registry, options);
  bar.finish("");
  if (!options.stop_at_first_failure || result.count(verify::Status::failed) == 0)
    result.append(
        verify::verify_components(registry, {.select = options.select, .command = options.command}));
  if (options.select.empty() && arguments.text("format", "text") != "json")
    fmt::print("{}\n", verify::to_string(verify::coverage_of(result.checks())));
  remember_failures(result, "--ops");
  return report(result, arguments);
}

// How much of their bounds the steps of the training program use: one row per op, the worst step of each
// backend.
std::string lockstep_table(const verify::Report& checks) {
  struct Cell {
    int steps = 0;
    int failed = 0;
    double worst = 0;
  };
  std::vector<std::string> columns;
  std::map<std::string, std::map<std::string, Cell>> cells;
  std::map<std::string, std::pair<double, std::string>> bases;  // op → the bound of its worst step
  for (const verify::Check& check : checks.checks()) {
    if (check.oracle != verify::Oracle::lockstep || check.status == verify::Status::skipped) continue;
    const std::string column = check.subject.backend + " " + std::string(name_of(check.subject.dtype));
    if (std::ranges::find(columns, column) == columns.end()) columns.push_back(column);
    Cell& cell = cells[check.subject.op][column];
    ++cell.steps;
    cell.failed += check.status == verify::Status::failed ? 1 : 0;
    cell.worst = std::max(cell.worst, check.ratio);
    auto& [worst, basis] = bases[check.subject.op];
    if (basis.empty() || check.ratio > worst) basis = check.basis;
    worst = std::max(worst, check.ratio);
  }
  std::vector<std::string> header{"op"};
  header.insert(header.end(), columns.begin(), columns.end());
  header.emplace_back("bound of the worst");
  Table table(header);
  for (const auto& [op, by_column] : cells) {
    std::vector<std::string> row{op};
    for (const std::string& column : columns) {
      const auto cell = by_column.find(column);
      if (cell == by_column.end()) {
        row.emplace_back("");
      } else if (cell->second.failed > 0) {
        row.push_back(fmt::format("FAILED {} of {}", cell->second.failed, cell->second.steps));
      } else {
        row.push_back(fmt::format("{:.2f}", cell->second.worst));
      }
    }
    row.push_back(bases[op].second);
    table.add(std::move(row));
  }
  return "Each step of a training step against its own ops in higher precision, on its own inputs: error as "
         "a share "
         "of the bound\n" +
         table.render();
}

// Where two backends first part beyond their bounds: at the earliest step of any of them that breaks its own,
// since two that keep theirs are no further apart than these explain.
std::string first_parting(const verify::Report& checks) {
  const verify::Check* first = nullptr;
  for (const verify::Check& check : checks.checks()) {
    if (check.oracle != verify::Oracle::lockstep || check.status != verify::Status::failed) continue;
    if (first == nullptr || check.position < first->position) first = &check;
  }
  if (first == nullptr) {
    return "No op of any backend is beyond its bound: no two backends part by more than their bounds "
           "explain.\n";
  }
  return fmt::format("First op at which two backends part beyond their bounds: {}\n  {}\n  reproduce: {}\n",
                     first->id(), first->detail, first->reproduce);
}

// What was asked for, as a command that a backend, a dtype and a selection may be added to.
std::string command_of(const Arguments& arguments) {
  std::string command = "assay verify " + arguments.positionals().front();
  for (const std::string& plugin : arguments.all("plugin")) command += " --plugin " + plugin;
  for (const std::string& change : arguments.all("set")) command += fmt::format(" -s '{}'", change);
  for (const char* const option : {"seed", "samples", "batch"}) {
    if (arguments.has(option)) command += fmt::format(" --{} {}", option, arguments.text(option));
  }
  return command;
}

int verify_experiment(const Arguments& arguments, Registry& registry) {
  const Experiment experiment = experiment_of(arguments, registry);
  verify::ExperimentOptions options;
  options.select = selection_of(arguments, arguments.positionals().front());
  options.stop_at_first_failure = arguments.has("exit-first");
  options.backends = backends_of(arguments);
  options.dtypes = dtypes_of(arguments);
  options.samples = arguments.integer("samples", 1, 1 << 20).value_or(8);
  options.batch = arguments.integer("batch", 1, std::int64_t{1} << 40).value_or(1) - 1;
  options.command = command_of(arguments);
  if (verify::parse_tier(arguments.text("tier", "standard")) == verify::Tier::full)
    options.proof.cost_limit *= 30;
  const verify::ExperimentReport result = verify::verify_experiment(experiment, registry, options);
  if (arguments.text("format", "text") != "json") {
    fmt::print("{}\n{}\n{}\n", result.table(), lockstep_table(result.checks), first_parting(result.checks));
  }
  remember_failures(result.checks, arguments.positionals().front());
  return report(result.checks, arguments);
}

// What can be verified: the option that asks for it (none: the experiment itself), and what it goes by
// besides the options of all.
struct Mode {
  std::string_view option;
  bool of_experiment;
  std::vector<std::string_view> options;
  std::function<int(const Arguments&, Registry&)> run;
};

const std::vector<Mode>& modes() {
  static const std::vector<Mode> all{
      {"mutants", false, {"tier", "seed"}, [](const Arguments& a, Registry&) { return verify_mutants(a); }},
      {"ops",
       false,
       {"tier", "seed", "backend", "dtype", "plugin", "last-failed", "exit-first", "junit"},
       verify_ops},
      {"contracts", false, {"exhaustive", "backend", "dtype", "plugin", "junit"}, verify_contracts},
      {"graphs", false, {"seed", "plugin", "exit-first", "junit"}, verify_graphs},
      {"against", true, {"set", "seed", "plugin", "batch", "junit"}, verify_against},
      {"",
       true,
       {"set", "seed", "plugin", "backend", "dtype", "samples", "batch", "tier", "last-failed", "exit-first",
        "junit"},
       verify_experiment}};
  return all;
}

std::string shown(const Mode& mode) {
  return mode.option.empty() ? "FILE" : fmt::format("--{}", mode.option);
}

// The one that is asked for. Throws Error for none, for two, and for what it would not look at.
const Mode& mode_of(const Arguments& arguments) {
  const bool has_file = !arguments.positionals().empty();
  const Mode* asked = nullptr;
  for (const Mode& mode : modes()) {
    if (mode.option.empty() ? !has_file || asked != nullptr : !arguments.has(mode.option)) continue;
    if (asked != nullptr)
      throw Error(fmt::format("{} and {} are verified one at a time", shown(*asked), shown(mode)));
    asked = &mode;
  }
  if (asked == nullptr) {
    throw Error("what is to be verified?")
        .help(
            "give an experiment file, --ops for every registered op, --contracts for the accuracy of "
            "functions, "
            "--graphs N for random models, or --mutants for the verification itself");
  }
  if (has_file && !asked->of_experiment) throw Error(fmt::format("{} takes no experiment", shown(*asked)));
  for (const Mode& other : modes()) {
    for (const std::string_view option : other.options) {
      if (!arguments.has(option) || std::ranges::find(asked->options, option) != asked->options.end())
        continue;
      std::vector<std::string> takers;
      for (const Mode& mode : modes()) {
        if (std::ranges::find(mode.options, option) != mode.options.end()) takers.push_back(shown(mode));
      }
      throw Error(fmt::format("--{} says nothing to 'assay verify {}'", option, shown(*asked)))
          .help("it is for " + join(takers));
    }
  }
  return *asked;
}

int run_verify(const Arguments& arguments) {
  const Mode& mode = mode_of(arguments);
  if (arguments.has("junit")) require_writable_place(arguments.text("junit"));
  verify::name_what_crashes(kCheckFailed);
  Session session(arguments);
  return mode.run(arguments, session.registry());
}

}  // namespace

Command verify_command() {
  std::vector<Option> options = experiment_options();
  options.push_back({"ops", 0, "", "every registered op on every backend, over its geometry cases"});
  options.push_back(
      {"contracts", 0, "", "every function of every backend against the accuracy that it declares"});
  options.push_back({"exhaustive", 0, "", "with --contracts: all 2^32 floats, which takes hours"});
  options.push_back({"against", 0, "TRACE.npz", "judge a trace that another program made of the experiment"});
  options.push_back(
      {"graphs", 0, "N", "N random models of all layers; failing ones become small experiment files"});
  options.push_back({"mutants", 0, "", "the verification itself: which faults of a catalogue it catches"});
  options.push_back({"keyword", 'k', "EXPR", "only checks whose id matches: words, and, or, not, ( )"});
  options.push_back({"tier", 0, "TIER", "how much is tried", {"smoke", "standard", "full"}});
  options.push_back({"dtype", 0, "LIST", "f32, f64 (default: both)"});
  options.push_back({"samples", 0, "N", "rows of the batch, for an experiment (default: 8)"});
  options.push_back({"batch", 0, "K", "the K-th batch in the order of the data, counted from 1"});
  options.push_back({"last-failed", 0, "", "only what failed in the last run of --ops or of the same FILE"});
  options.push_back({"exit-first", 'x', "", "stop at the first failure"});
  options.push_back({"junit", 0, "FILE", "write the checks as JUnit XML"});
  options.push_back({"format", 0, "FORMAT", "of the report", {"text", "json"}});
  options.push_back({"quiet", 'q', "", "no progress"});
  return {
      "verify",
      "prove gradients and kernels",
      {{"assay verify experiments/seed/worked_example.yaml",
        "an experiment's gradients, on every backend, against the exact ones"},
       {"assay verify FILE --against torch.npz",
        "another program's numbers for the experiment, by our bounds"},
       {"assay verify --graphs 100 --seed 7", "random models, the same ones for the same seed"},
       {"assay verify --ops", "every op on every backend"},
       {"assay verify --ops -k 'conv2d and not f64' --tier smoke", "some of them"},
       {"assay verify --contracts -k 'exp and f32'", "functions over their whole range"},
       {"assay verify --mutants -k 'sign and conv2d'", "which faults the checks catch, by class and oracle"}},
      {{"FILE", "the experiment", false}},
      options,
      run_verify};
}

}  // namespace assay::cli
