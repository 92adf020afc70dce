// Experiment files with types: what is taken, and how everything that does not fit is reported, with its
// place.
#include "assay/experiment/experiment.h"

#include <gtest/gtest.h>

#include "assay/experiment/emit_yaml.h"
#include "support/requirement.h"
#include "unit/experiment_files.h"

namespace assay {
namespace {

// A small experiment that is right; tests replace one line of it.
struct Lines {
  std::string version = "assay: 1";
  std::string name = "name: test";
  std::string backend = "backend: {type: reference}";
  std::string data = "data: {type: inline, x: [[1.0], [2.0]], y: [[1.0], [0.0]]}";
  std::string model = "model: {input: [1], layers: [{type: dense, units: 1}]}";
  std::string loss = "loss: {type: half_squared_error}";
  std::string optimizer = "optimizer: {type: sgd, learning_rate: 0.1}";
  std::string train = "train: {epochs: 1, batch_size: 2}";
  std::string more;

  std::string text() const {
    std::string all;
    for (const std::string& line : {version, name, backend, data, model, loss, optimizer, train, more})
      if (!line.empty()) all += line + "\n";
    return all;
  }
};

struct Mistake {
  const char* name;
  std::string Lines::*line;
  const char* replacement;
  std::vector<std::string> says;
};

class ExperimentMistake : public ExperimentTest, public ::testing::WithParamInterface<Mistake> {};

TEST_P(ExperimentMistake, IsReportedWithItsPlaceAndARemedy) {
  Lines lines;
  lines.*GetParam().line = GetParam().replacement;
  const std::string error = error_of(lines.text());
  for (const std::string& part : GetParam().says)
    EXPECT_NE(error.find(part), std::string::npos) << part << "\n" << error;
}

INSTANTIATE_TEST_SUITE_P(
    , ExperimentMistake,
    ::testing::Values(
        Mistake{"missing_key", &Lines::loss, "", {"loss"}},
        Mistake{"version_missing", &Lines::version, "", {"assay"}},
        Mistake{"later_version", &Lines::version, "assay: 2", {"test.yaml:1:8", "version 2", "version 1"}},
        Mistake{"unknown_top_key",
                &Lines::more,
                "optimiser: {type: sgd}",
                {"test.yaml:9:1", "unknown key 'optimiser'", "'optimizer'"}},
        Mistake{"seed_and_seeds", &Lines::more, "seed: 1\nseeds: [1, 2]", {"test.yaml:10:8", "both"}},
        Mistake{"seed_twice", &Lines::more, "seeds: [1, 2, 1]", {"test.yaml:9:8", "twice"}},
        Mistake{"no_seeds", &Lines::more, "seeds: []", {"test.yaml:9:8", "empty"}},
        Mistake{"negative_seed", &Lines::more, "seed: -1", {"test.yaml:9:7"}},
        Mistake{"path_as_name", &Lines::name, "name: ../elsewhere", {"test.yaml:2:7", "'../elsewhere'"}},
        Mistake{"unknown_backend",
                &Lines::backend,
                "backend: {type: referense}",
                {"test.yaml:3:17", "unknown backend 'referense'", "'reference'"}},
        Mistake{"no_threads",
                &Lines::backend,
                "backend: {type: reference, threads: 0}",
                {"test.yaml:3:37", "threads"}},
        Mistake{"unknown_fallback",
                &Lines::backend,
                "backend: {type: reference, fallback: never}",
                {"test.yaml:3:38", "never", "forbid, report, allow"}},
        Mistake{"unknown_dtype", &Lines::more, "numeric: {dtype: f16}", {"test.yaml:9:18", "f16", "f32"}},
        Mistake{"dtype_of_an_oracle", &Lines::more, "numeric: {dtype: quad}", {"test.yaml:9:18", "quad"}},
        Mistake{"unknown_source",
                &Lines::data,
                "data: {type: inlin, x: [[1.0]], y: [[1.0]]}",
                {"test.yaml:4:14", "unknown data source 'inlin'", "'inline'"}},
        Mistake{
            "source_without_field", &Lines::data, "data: {type: inline, x: [[1.0]]}", {"test.yaml:4", "'y'"}},
        Mistake{"ragged_data",
                &Lines::data,
                "data: {type: inline, x: [[1.0], [1.0, 2.0]], y: [[1.0], [2.0]]}",
                {"test.yaml:4:33", "lists of 1 and of 2"}},
        Mistake{"row_counts",
                &Lines::data,
                "data: {type: inline, x: [[1.0]], y: [[1.0], [2.0]]}",
                {"test.yaml:4"}},
        Mistake{"missing_file",
                &Lines::data,
                "data: {type: csv, file: nowhere.csv, target: y}",
                {"test.yaml:4", "nowhere.csv"}},
        Mistake{"unknown_augmentation",
                &Lines::data,
                "data: {type: inline, x: [[1.0]], y: [[1.0]], augment: [{type: flip}]}",
                {"test.yaml:4:63", "'flip'"}},
        Mistake{"augmented_numbers",
                &Lines::data,
                "data: {type: inline, x: [[1.0]], y: [[1.0]], augment: [{type: horizontal_flip}]}",
                {"test.yaml:4"}},
        Mistake{"all_held_back",
                &Lines::data,
                "data: {type: inline, x: [[1.0]], y: [[1.0]], split: {validation: 1}}",
                {"test.yaml:4"}},
        Mistake{"unknown_layer",
                &Lines::model,
                "model: {input: [1], layers: [{type: dence, units: 1}]}",
                {"test.yaml:5:37", "unknown layer 'dence'", "'dense'"}},
        Mistake{"unknown_field_of_a_layer",
                &Lines::model,
                "model: {input: [1], layers: [{type: dense, unit: 1}]}",
                {"test.yaml:5:44", "'unit'", "'units'"}},
        Mistake{"layers_that_do_not_fit",
                &Lines::model,
                "model:\n  input: [1]\n  layers:\n    - {type: conv2d, filters: 2, kernel: 3}\n    - {type: "
                "dense, units: 1}",
                {"test.yaml:8", "conv2d1"}},
        Mistake{"unknown_input",
                &Lines::model,
                "model: {input: [1], layers: [{type: dense, name: a, units: 1}, {type: dense, units: 1, "
                "inputs: [b]}]}",
                {"test.yaml:5", "'b'"}},
        Mistake{"input_does_not_fit_data",
                &Lines::model,
                "model: {input: [2], layers: [{type: dense, units: 1}]}",
                {"[2]", "[1]"}},
        Mistake{"output_does_not_fit_target",
                &Lines::model,
                "model: {input: [1], layers: [{type: dense, units: 3}]}",
                {"[3]", "[1]"}},
        Mistake{"initial_values_of_another_shape",
                &Lines::model,
                "model: {input: [1], layers: [{type: dense, units: 1, init: {weight: [[1.0, 2.0]]}}]}",
                {"test.yaml:5", "[1, 2]", "[1, 1]"}},
        Mistake{"unknown_initializer",
                &Lines::model,
                "model: {input: [1], layers: [{type: dense, units: 1, init: he_norm}]}",
                {"test.yaml:5:60", "'he_norm'", "he_normal"}},
        Mistake{"unknown_loss", &Lines::loss, "loss: {type: mse}", {"test.yaml:6:14", "'mse'"}},
        Mistake{"labels_wanted", &Lines::loss, "loss: {type: softmax_cross_entropy}", {"label"}},
        Mistake{"unknown_optimizer_key",
                &Lines::optimizer,
                "optimizer: {type: sgd, learning_rte: 0.1}",
                {"test.yaml:7:24", "unknown key 'learning_rte'", "'learning_rate'"}},
        Mistake{"text_for_a_number",
                &Lines::optimizer,
                "optimizer: {type: sgd, learning_rate: fast}",
                {"test.yaml:7:39", "'fast'"}},
        Mistake{"unknown_schedule",
                &Lines::more,
                "schedule: {type: cosinus}",
                {"test.yaml:9:18", "'cosinus'", "'cosine'"}},
        Mistake{"empty_batch",
                &Lines::train,
                "train: {epochs: 1, batch_size: 0}",
                {"test.yaml:8:32", "batch_size"}},
        Mistake{"unknown_train_key",
                &Lines::train,
                "train: {epoch: 1}",
                {"test.yaml:8:9", "'epoch'", "'epochs'"}},
        Mistake{"unknown_metric", &Lines::more, "metrics: [accurracy]", {"test.yaml:9:11", "accurracy"}},
        Mistake{"metric_of_labels", &Lines::more, "metrics: [confusion_matrix]", {"confusion_matrix"}},
        Mistake{"monitor_never_measured",
                &Lines::more,
                "early_stopping: {monitor: validation/loss}",
                {"validation/loss", "data.split.validation"}},
        Mistake{"expectation_never_measured",
                &Lines::more,
                "expect: {test/los: {max: 1}}",
                {"test.yaml:9:10", "test/los"}},
        Mistake{"expectation_of_nothing", &Lines::more, "expect: {train/loss: {}}", {"test.yaml:9:10"}},
        Mistake{
            "checkpoint_interval", &Lines::more, "checkpoint: {every: often}", {"test.yaml:9:21", "often"}}),
    [](const auto& info) { return info.param.name; });

TEST_F(ExperimentTest, TakesWhatIsRight) { EXPECT_EQ(error_of(Lines{}.text()), ""); }

TEST_F(ExperimentTest, ReportsAllErrorsAtOnceInTheOrderOfTheFile) {
  Lines lines;
  lines.backend = "backend: {type: referense}";
  lines.optimizer = "optimizer: {type: sgd, learning_rte: 0.1}";
  lines.train = "train: {epochs: -1, batch_size: 0}";
  try {
    read(lines.text());
    FAIL() << "four mistakes passed";
  } catch (const Error& error) {
    ASSERT_EQ(error.diagnostics().size(), 4u) << error.what();
    int line = 0;
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      ASSERT_TRUE(diagnostic.where);
      EXPECT_GE(diagnostic.where->line, line);
      line = diagnostic.where->line;
    }
  }
}

TEST_F(ExperimentTest, TheResolvedTreeReadsAsTheSameExperiment) {
  Lines lines;
  lines.more = "seeds: [3, 4]\nexpect: {train/loss: {max: 1.0}}";
  const Experiment first = read(lines.text());
  const std::string text = emit_yaml(first.resolved);
  const Experiment second = read(text);
  EXPECT_EQ(second.seeds, (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(first.resolved, second.resolved) << text;
}

TEST_F(ExperimentTest, ChangesOfTheCommandLine) {
  const std::string file = write("experiment.yaml", Lines{}.text());
  ExperimentChanges changes;
  changes.overrides = {"optimizer.learning_rate=0.25", "model.layers[0].units=1", "train.epochs=7"};
  changes.seed = 9;
  const Experiment experiment = load_experiment(file, changes, registry_);
  EXPECT_EQ(experiment.optimizer.fields.number("learning_rate"), 0.25);
  EXPECT_EQ(experiment.epochs, 7);
  EXPECT_EQ(experiment.seeds, std::vector<std::uint64_t>{9});
}

// What another backend has no setting for is left behind.
TEST_F(ExperimentTest, AnotherBackendKeepsWhatBothHaveASettingFor) {
  ASSAY_NEEDS(registry_.backends.find("onednn") != nullptr, "onednn in this build");
  Lines lines;
  lines.backend = "backend: {type: onednn, threads: 2, winograd: true}";
  const std::string file = write("experiment.yaml", lines.text());
  const auto on = [&](const std::string& name) {
    ExperimentChanges changes;
    changes.backend = name;
    return load_experiment(file, changes, registry_).backend;
  };
  EXPECT_TRUE(on("openmp").fields.boolean("winograd"));
  EXPECT_EQ(on("openmp").threads, 2);
  EXPECT_TRUE(on("onednn").fields.boolean("winograd"));
  EXPECT_EQ(on("reference").fields.find("winograd"), nullptr);
}

TEST_F(ExperimentTest, PathsAreRelativeToTheFile) {
  write("points.csv", "x,y\n1,2\n3,4\n");
  Lines lines;
  lines.data = "data: {type: csv, file: points.csv, target: y}";
  const Experiment experiment = load_experiment(write("experiment.yaml", lines.text()), {}, registry_);
  const Problem problem(experiment, registry_, 0);
  EXPECT_EQ(problem.data().train.rows(), 2);
  EXPECT_NE(emit_yaml(experiment.resolved).find((folder_ / "points.csv").string()), std::string::npos);
}

TEST_F(ExperimentTest, WholeNumbersAreIndicesWhereTheModelReadsIndices) {
  Lines lines;
  lines.model =
      "model: {input: [2], layers: [{type: embedding, count: 3, units: 2}, {type: flatten}, {type: dense, "
      "units: 1}]}";
  lines.data = "data: {type: inline, x: [[0, 2], [1, 1]], y: [[1.0], [0.0]]}";
  EXPECT_EQ(error_of(lines.text()), "");
  lines.data = "data: {type: inline, x: [[0, 2], [1, 3]], y: [[1.0], [0.0]]}";
  const std::string beyond = error_of(lines.text());
  EXPECT_NE(beyond.find("0 to 2"), std::string::npos) << beyond;
  EXPECT_NE(beyond.find("[1, 1]"), std::string::npos) << beyond;
  lines.data = "data: {type: inline, x: [[0, 0.5], [1, 1]], y: [[1.0], [0.0]]}";
  EXPECT_NE(error_of(lines.text()).find("0.5"), std::string::npos);
}

}  // namespace
}  // namespace assay
