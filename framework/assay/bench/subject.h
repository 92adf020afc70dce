// Subject: the training step of one experiment, compiled and with a batch in place, to be run as often as one
// likes. A step is Program::run: forward, loss, backward and update; the batch is not loaded anew.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "assay/experiment/step.h"

namespace assay::bench {

/// What does not depend on the clock, and how long it took to get there.
struct Facts {
  std::int64_t rows = 0;  ///< of the batch
  std::int64_t parameters = 0;
  double multiply_adds = 0;    ///< of the matrix products and convolutions of a step
  int threads = 0;             ///< as the backend was given
  std::string backend;         ///< its description: library, version, instruction set, threads
  std::int64_t ops = 0;        ///< executed per step
  std::int64_t fallbacks = 0;  ///< of them on the reference, refused by the backend
  MemoryReport memory{};       ///< of the program as `assay run` compiles it
  double prepare_seconds = 0;  ///< data, model, backend, initial values
  double compile_seconds = 0;  ///< of that program
};

/// One row of the placement table, timed.
struct OpTime {
  std::string op;
  std::string layer;
  bool backward = false;
  std::string backend;
  std::string implementation;
  double seconds = 0;  ///< per step, the median
  double multiply_adds = 0;
};

/// Multiply-adds of one run of a program, by the ops' own counts.
double multiply_adds(const Program& program);

class Subject {
 public:
  /// Loads, initialises, compiles, and runs one step. The registry outlives the subject.
  Subject(Experiment experiment, const Registry& registry);

  const Facts& facts() const { return facts_; }
  /// Seconds that so many steps take together.
  double run(std::int64_t steps);
  /// Of the last step, before its update.
  double loss();
  /// Every op timed by itself over so many steps. The clock is read around each op, some tens of nanoseconds
  /// that the sum has more than a step.
  std::vector<OpTime> profile(std::int64_t steps);

 private:
  Program compile(StateStore& states, Arena& arena, bool keep_inputs) const;

  Experiment experiment_;
  Facts facts_;
  Problem problem_;
  Batches batches_;
  StateStore states_;
  Arena arena_;
  std::map<std::int64_t, Program> programs_;  // one, by its rows
};

}  // namespace assay::bench
