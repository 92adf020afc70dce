// Runs that are interrupted and continued end with the bytes of one that never was.
#include <fmt/format.h>

#include "assay/data/npz.h"
#include "assay/experiment/checkpoint.h"
#include "assay/experiment/run.h"
#include "support/requirement.h"
#include "unit/experiment_files.h"

namespace assay {
namespace {

// Asks for a stop once that many steps are done, over all seeds.
class StopsAfter final : public RunObserver {
 public:
  explicit StopsAfter(int steps) : left_(steps) { check(); }
  void row(const MetricRow& row) override {
    if (row.name == "train/step_loss") --left_;
    check();
  }
  void message(const std::string& text) override { messages += text + "\n"; }

  std::atomic<bool> stop{false};
  std::string messages;

 private:
  void check() {
    if (left_ <= 0) stop = true;
  }
  int left_;
};

class ResumeTest : public ExperimentTest {
 protected:
  // Everything that a step depends on: keyed draws (dropout, shuffling, augmentation), running statistics,
  // moments, a schedule, early stopping with its best state, and an uneven last batch. 5 epochs of 6 steps.
  Experiment images(const std::string& backend, const std::string& more = "seed: 3\n") {
    if (data_.empty()) {
      Tensor x({DType::u8, Shape{29, 2, 6, 6}}), y({DType::i32, Shape{29}});
      for (std::size_t i = 0; i < x.as<std::uint8_t>().size(); ++i)
        x.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
      for (std::size_t i = 0; i < 29; ++i) y.as<std::int32_t>()[i] = static_cast<std::int32_t>(i % 3);
      data_ = (folder_ / "images.npz").string();
      write_npz(data_, std::vector<NamedView>{{"x", x.view()}, {"y", y.view()}});
    }
    return read("assay: 1\nname: resume\nbackend: {type: " + backend +
                ", threads: 1}\n"
                "data:\n  type: npz\n  file: " +
                data_ +
                "\n  x: x\n  y: y\n  split: {validation: 6}\n"
                "  augment: [{type: random_crop, padding: 1}, {type: horizontal_flip, probability: 0.5}]\n"
                "model:\n  input: [2, 6, 6]\n  layers:\n"
                "    - {type: conv2d, filters: 3, kernel: 3, padding: same}\n    - {type: batch_norm}\n    - "
                "{type: relu}\n"
                "    - {type: flatten}\n    - {type: dropout, rate: 0.25}\n    - {type: dense, units: 3}\n"
                "loss: {type: softmax_cross_entropy}\n"
                "optimizer: {type: adamw, learning_rate: 0.02, weight_decay: 0.01, clip_norm: 1.0}\n"
                "schedule: {type: cosine, warmup_steps: 4}\n"
                "metrics: [accuracy, confusion_matrix]\n"
                "train: {epochs: 5, batch_size: 4}\n"
                "early_stopping: {monitor: validation/loss, patience: 9, restore_best: true}\n" +
                more);
  }

  void expect_same_run(const std::filesystem::path& a, const std::filesystem::path& b,
                       const std::string& where = "") {
    for (const char* file : {"metrics.jsonl", "weights.safetensors"})
      EXPECT_EQ(contents(a / where / file), contents(b / where / file)) << file;
    EXPECT_EQ(contents(a / "summary.json"), contents(b / "summary.json"));
  }

  RunReport whole(const Experiment& experiment) {
    RunObserver observer;
    const std::atomic<bool> stop{false};
    return run_experiment(experiment, registry_, folder_, folder_ / "whole", observer, stop);
  }
  std::filesystem::path interrupted(const Experiment& experiment, int step, const std::string& name) {
    StopsAfter observer(step);
    const RunReport report =
        run_experiment(experiment, registry_, folder_, folder_ / name, observer, observer.stop);
    EXPECT_EQ(report.status, TrainingResult::Status::interrupted);
    return report.folder;
  }
  RunReport resumed(const Experiment& experiment, const std::filesystem::path& folder, int steps = 1 << 30) {
    StopsAfter observer(steps);
    RunReport report = resume_experiment(experiment, registry_, folder, observer, observer.stop);
    messages_ = observer.messages;
    return report;
  }
  std::string refusal(const Experiment& experiment, const std::filesystem::path& folder) {
    try {
      resumed(experiment, folder);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  static std::vector<std::string> checkpoints_in(const std::filesystem::path& run) {
    std::vector<std::string> names;
    if (std::filesystem::exists(run / "checkpoints")) {
      for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints"))
        names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

  std::string data_;
  std::string messages_;
};

TEST_F(ResumeTest, FromEveryStepGivesTheSameBytesOnEveryBackend) {
  for (const std::string& backend : registry_.backends.names()) {
    const Experiment experiment = images(backend);
    const RunReport never = whole(experiment);
    for (int step = 0; step <= 30; ++step) {
      SCOPED_TRACE(fmt::format("{} interrupted after step {}", backend, step));
      const std::filesystem::path folder = interrupted(experiment, step, "interrupted");
      const RunReport report = resumed(experiment, folder);
      EXPECT_EQ(report.status, TrainingResult::Status::finished);
      expect_same_run(never.folder, folder);
      EXPECT_EQ(checkpoints_in(folder), std::vector<std::string>{})
          << "none was asked for, and the run is done";
      std::filesystem::remove_all(folder);
    }
    std::filesystem::remove_all(never.folder);
  }
}

TEST_F(ResumeTest, AgainAndAgain) {
  const Experiment experiment = images("reference", "checkpoint: {every: 4 steps, keep_last: 2}\n");
  const RunReport never = whole(experiment);
  const std::filesystem::path folder = interrupted(experiment, 3, "again");
  int times = 0;
  while (resumed(experiment, folder, 2).status == TrainingResult::Status::interrupted) ++times;
  EXPECT_EQ(times, 13);
  expect_same_run(never.folder, folder);
  EXPECT_EQ(checkpoints_in(never.folder),
            (std::vector<std::string>{"latest", "step-00000024.safetensors", "step-00000028.safetensors"}));
  EXPECT_EQ(contents(never.folder / "checkpoints/latest"), "step-00000028.safetensors\n");
}

// What a kill leaves: a checkpoint of some steps ago, and rows that were written since.
TEST_F(ResumeTest, TakesBackTheRowsSinceTheCheckpoint) {
  const Experiment experiment = images("reference", "checkpoint: {every: 7 steps, keep_last: 9}\n");
  const RunReport never = whole(experiment);
  for (const char* step : {"28", "21"}) {
    std::filesystem::remove(never.folder / "summary.json");
    const std::filesystem::path copy = folder_ / ("from" + std::string(step));
    std::filesystem::copy(never.folder, copy, std::filesystem::copy_options::recursive);
    if (std::string(step) == "21") std::filesystem::remove(copy / "checkpoints/step-00000028.safetensors");
    std::ofstream(copy / "metrics.jsonl", std::ios::app) << "{\"step\":29,\"epo";
    std::ofstream(copy / "checkpoints/step-00000035.safetensors.4711-0.tmp") << "half";
    std::ofstream(copy / "checkpoints/latest") << "step-00000099.safetensors\n";
    resumed(experiment, copy);
    EXPECT_NE(messages_.find(fmt::format("after step {}", step)), std::string::npos) << messages_;
    for (const char* file : {"metrics.jsonl", "weights.safetensors"})
      EXPECT_EQ(contents(never.folder / file), contents(copy / file)) << file;
    for (const std::string& name : checkpoints_in(copy)) EXPECT_FALSE(name.ends_with(".tmp")) << name;
  }
}

TEST_F(ResumeTest, ADamagedCheckpointIsNamedAndTheOneBeforeIsTaken) {
  const Experiment experiment = images("reference", "checkpoint: {every: 7 steps, keep_last: 9}\n");
  const RunReport never = whole(experiment);
  const std::string weights = contents(never.folder / "weights.safetensors");
  std::filesystem::remove(never.folder / "summary.json");
  const std::filesystem::path newest = never.folder / "checkpoints/step-00000028.safetensors";
  std::string bytes = contents(newest);
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 16);
  std::ofstream(newest, std::ios::binary) << bytes;
  resumed(experiment, never.folder);
  EXPECT_NE(messages_.find("damaged"), std::string::npos) << messages_;
  EXPECT_NE(messages_.find("step-00000028.safetensors"), std::string::npos) << messages_;
  EXPECT_NE(messages_.find("after step 21"), std::string::npos) << messages_;
  EXPECT_EQ(contents(never.folder / "weights.safetensors"), weights);
}

TEST_F(ResumeTest, SeedsThatAreDoneAreNotTrainedAgain) {
  const Experiment experiment = images("reference", "seeds: [3, 4, 5]\n");
  const RunReport never = whole(experiment);
  const std::filesystem::path folder = interrupted(experiment, 40, "seeds");
  const RunReport report = resumed(experiment, folder);
  EXPECT_EQ(messages_.find("seed 3"), std::string::npos) << messages_;
  EXPECT_NE(messages_.find("seed 4"), std::string::npos) << messages_;
  ASSERT_EQ(report.seeds.size(), 3u);
  for (const char* seed : {"seed-3", "seed-4", "seed-5"}) expect_same_run(never.folder, folder, seed);
  EXPECT_EQ(resumed(experiment, folder).metrics.at("validation/loss").mean,
            never.metrics.at("validation/loss").mean)
      << "a run that is done is told again";
}

TEST_F(ResumeTest, AnotherExperimentOrOtherDataAreRefused) {
  ASSAY_NEEDS(registry_.backends.find("eigen") != nullptr, "eigen backend in this build");
  const std::filesystem::path folder = interrupted(images("reference"), 8, "refused");
  EXPECT_EQ(refusal(images("reference"), folder), "");
  std::filesystem::remove_all(folder);

  interrupted(images("reference"), 8, "refused");
  std::string other = refusal(images("eigen"), folder);
  EXPECT_NE(other.find("another experiment"), std::string::npos) << other;
  EXPECT_NE(other.find("eigen"), std::string::npos) << other;
  EXPECT_NE(refusal(images("reference", "seed: 4\n"), folder).find("another experiment"), std::string::npos);

  Tensor x({DType::u8, Shape{29, 2, 6, 6}}), y({DType::i32, Shape{29}});
  write_npz(data_, std::vector<NamedView>{{"x", x.view()}, {"y", y.view()}});
  const std::string data = refusal(images("reference"), folder);
  EXPECT_NE(data.find("the data changed"), std::string::npos) << data;
}

TEST_F(ResumeTest, AnotherEnvironmentIsSaid) {
  const std::filesystem::path folder = interrupted(images("reference"), 8, "moved");
  std::string environment = contents(folder / "environment.json");
  environment.replace(environment.find("\"threads\": ") + 11, 1, "77");
  std::ofstream(folder / "environment.json") << environment;
  resumed(images("reference"), folder);
  EXPECT_NE(messages_.find("another environment (environment.json): threads\n"), std::string::npos)
      << messages_;
}

TEST_F(ResumeTest, LostRowsAreSaid) {
  const std::filesystem::path folder = interrupted(images("reference"), 8, "lost");
  std::filesystem::resize_file(folder / "metrics.jsonl", 10);
  const std::string lost = refusal(images("reference"), folder);
  EXPECT_NE(lost.find("rows were lost"), std::string::npos) << lost;
}

class CheckpointTest : public ResumeTest {
 protected:
  CheckpointTest() {
    // Small, so that each of its bits can be turned.
    const Experiment experiment = read(
        "assay: 1\nname: small\ndata: {type: inline, x: [[1], [2]], y: [[0], [1]]}\n"
        "model: {input: [1], layers: [{type: dense, units: 1}]}\nloss: half_squared_error\n"
        "optimizer: {type: sgd, learning_rate: 0.1, momentum: 0.5}\ntrain: {epochs: 3}\n"
        "early_stopping: {monitor: train/loss, patience: 2}\ncheckpoint: {every: 3 epochs}\n");
    path_ = whole(experiment).folder / "checkpoints/step-00000003.safetensors";
    bytes_ = contents(path_);
  }
  std::string complaint(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      read_checkpoint(path_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path path_;
  std::string bytes_;
};

TEST_F(CheckpointTest, ComesBackAsItWas) {
  const Checkpoint first = read_checkpoint(path_);
  EXPECT_EQ(first.progress.step, 3);
  EXPECT_FALSE(first.best.empty());
  write_checkpoint(folder_ / "again.safetensors", CheckpointView(first));
  EXPECT_EQ(contents(folder_ / "again.safetensors"), bytes_);
}

TEST_F(CheckpointTest, NoCutAndNoTurnedBitPassesUnseen) {
  for (std::size_t size = 0; size < bytes_.size(); ++size)
    EXPECT_NE(complaint(bytes_.substr(0, size)), "") << "cut at " << size;
  EXPECT_NE(complaint(bytes_ + '\0'), "") << "one byte more";
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    std::string changed = bytes_;
    changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
    EXPECT_NE(complaint(changed), "") << "bit " << i % 8 << " of byte " << i;
  }
  EXPECT_EQ(complaint(bytes_), "");
}

TEST_F(CheckpointTest, WeightsAloneAreNoCheckpoint) {
  const std::string said = complaint(contents(folder_ / "whole/weights.safetensors"));
  EXPECT_NE(said.find("no checkpoint"), std::string::npos) << said;
}

}  // namespace
}  // namespace assay
