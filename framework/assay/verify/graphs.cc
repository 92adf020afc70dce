#include "assay/verify/graphs.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "assay/core/error.h"
#include "assay/experiment/problem.h"
#include "assay/experiment/yaml_parser.h"
#include "assay/verify/experiment.h"
#include "assay/verify/random_experiment.h"

namespace assay::verify {
namespace {

// What went wrong with a model, as far as two models show the same defect.
struct Failure {
  Oracle oracle = Oracle::program;
  std::string backend{};
  std::string detail{};
  bool same_kind(const Failure& other) const { return oracle == other.oracle && backend == other.backend; }
};

struct Verdict {
  bool fits = true;  ///< whether the experiment is one at all
  std::int64_t passed = 0, judged = 0;
  std::optional<Failure> failure{};
};

class Verifier {
 public:
  Verifier(const Registry& registry, const GraphsOptions& options) : registry_(registry), options_(options) {}

  Verdict verify(const RandomExperiment& made) const {
    Verdict verdict;
    std::optional<Experiment> experiment;
    try {
      const std::optional<std::string> text = file_of(made, registry_);
      if (!text) return {.fits = false};
      experiment = read_experiment(parse_yaml(*text, "graph.yaml"), "graph.yaml", registry_);
      const Problem problem(*experiment, registry_, experiment->seeds.front());
      problem.model().training_graph(made.rows, DType::f32);
    } catch (const Error&) {
      return {.fits = false};
    }
    try {
      ExperimentOptions settings;
      settings.backends = options_.backends;
      settings.dtypes = options_.dtypes;
      settings.select = options_.select;
      settings.proof = {.directions = 2, .coordinates = 4, .cost_limit = 200000, .seed = made.seed};
      const ExperimentReport report = verify_experiment(*experiment, registry_, settings);
      for (const Check& check : report.checks.checks()) {
        verdict.passed += check.status == Status::passed ? 1 : 0;
        verdict.judged += check.judged;
        if (check.status != Status::failed || verdict.failure) continue;
        verdict.failure =
            Failure{check.oracle, check.subject.backend,
                    fmt::format("{}\n  {}\n  judged by: {}", check.id(), check.detail, check.basis)};
      }
    } catch (const Error& error) {
      verdict.failure = Failure{Oracle::program, "", error.what()};
    }
    return verdict;
  }

  // The smallest model that fails in the same way, by taking the first smaller one that does until none does.
  RandomExperiment shrink(RandomExperiment failing, Failure& failure) const {
    int attempts = options_.shrink_attempts;
    for (bool shrunk = true; shrunk && attempts > 0;) {
      shrunk = false;
      for (RandomExperiment& candidate : smaller(failing)) {
        if (attempts-- <= 0) break;
        Verdict verdict = verify(candidate);
        if (!verdict.fits || !verdict.failure || !verdict.failure->same_kind(failure)) continue;
        failure = std::move(*verdict.failure);
        failing = std::move(candidate);
        shrunk = true;
        break;
      }
    }
    return failing;
  }

 private:
  const Registry& registry_;
  const GraphsOptions& options_;
};

std::filesystem::path write(const RandomExperiment& made, const Registry& registry,
                            const GraphsOptions& options) {
  const std::filesystem::path path = options.folder / (made.root.find("name")->text() + ".yaml");
  std::ofstream out(path, std::ios::binary);
  out << *file_of(made, registry);
  if (!out.flush()) throw Error(fmt::format("'{}' cannot be written", path.string()));
  return path;
}

bool contains_type(const ConfigNode& node, const std::vector<std::string>& types) {
  const ConfigNode* type = node.find("type");
  if (type != nullptr && type->is_scalar() && std::ranges::find(types, type->text()) != types.end())
    return true;
  for (const ConfigNode& item : node.items()) {
    if (contains_type(item, types)) return true;
  }
  return std::ranges::any_of(
      node.entries(), [&](const ConfigNode::Entry& entry) { return contains_type(entry.value, types); });
}

}  // namespace

Report verify_graphs(const Registry& registry, const GraphsOptions& options) {
  for (const std::string& name : options.backends) registry.backends.at(name);
  const Verifier verifier(registry, options);
  Report report;
  const std::int64_t tries = options.count * (options.containing.empty() ? 1 : 200);
  std::int64_t judged = 0;
  for (std::int64_t index = 0; index < tries && judged < options.count; ++index) {
    const RandomExperiment made = random_experiment(registry, options.seed, index);
    if (!options.containing.empty() && !contains_type(made.root, options.containing)) continue;
    ++judged;
    Verdict verdict = verifier.verify(made);
    Check check;
    check.oracle = Oracle::program;
    check.subject = {fmt::format("graph {}", index),
                     "",
                     "",
                     options.dtypes.front(),
                     summary_of(made),
                     "",
                     SubjectKind::graph};
    if (!verdict.fits) {
      check.status = Status::skipped;
      check.detail = "the random model does not fit together";
    } else {
      check.basis = fmt::format("{} checks of its steps, its program and its gradient", verdict.passed);
      check.judged = verdict.judged;
    }
    if (verdict.failure) {
      const RandomExperiment smallest = verifier.shrink(made, *verdict.failure);
      const std::filesystem::path path = write(smallest, registry, options);
      check.status = Status::failed;
      check.detail = fmt::format("{}\n  smallest model that shows it: {} ({})", verdict.failure->detail,
                                 path.string(), summary_of(smallest));
      check.reproduce =
          fmt::format("assay verify {}{}", path.string(),
                      verdict.failure->backend.empty() ? "" : " --backend " + verdict.failure->backend);
    } else if (verdict.fits && verdict.passed == 0) {
      check.status = Status::skipped;
      check.detail = "no check of the model matches the selection";
    }
    report.add(std::move(check));
    if (options.progress) options.progress(judged);
    if (options.stop_at_first_failure && verdict.failure) break;
  }
  return report;
}

}  // namespace assay::verify
