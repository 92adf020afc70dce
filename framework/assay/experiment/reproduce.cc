#include "assay/experiment/reproduce.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/experiment/git_state.h"
#include "assay/experiment/stored_run.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

// The repository that the record names, as it stands now; nothing where it names none or that is gone.
std::vector<Difference> git_differences(const FlatConfig& recorded) {
  const auto repository = recorded.find("repository");
  if (repository == recorded.end() || !fs::is_directory(repository->second)) return {};
  return differences(recorded, flattened_json(git_text(git_state(repository->second))));
}

}  // namespace

bool Reproduction::identical() const {
  return std::ranges::all_of(seeds, [](const SeedReproduction& seed) { return seed.difference.none(); });
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
    const fs::path part = experiment.seeds.size() > 1 ? fmt::format("seed-{}", seed) : "";
    result.seeds.push_back({seed, difference_between(run / part, report.folder / part)});
  }
  result.environment = differences(recorded.environment, read_stored_run(report.folder).environment);
  result.git = git_differences(recorded.git);
  return result;
}

}  // namespace assay
