// Schedules: the learning rate as a pure function of where training stands.
//
// Every schedule may warm up: while s < warmup_steps, with s the number of updates done, η = η₀ (s + 1) /
// warmup_steps (Goyal et al. 2017, "gradual warmup"; the first step already moves, the last one of the
// warm-up has η₀). Behind it the schedule runs over t of T units: updates since the warm-up of those that are
// left (`per: step`), or whole epochs counted from the start (`per: epoch`).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/core/named_table.h"
#include "assay/graph/fields.h"

namespace assay {

/// Where training stands before an update.
struct Progress {
  std::int64_t step = 0;   ///< updates done
  std::int64_t epoch = 0;  ///< epochs done
  std::int64_t total_steps = 1;
  std::int64_t total_epochs = 1;
};

struct ScheduleDef {
  std::string name;
  std::string summary;
  std::string formula;
  std::vector<FieldDef> fields{};  ///< from schedule_fields()
  /// η at t of `total` units, with `base` the optimizer's learning rate. t may pass `total` where training
  /// goes on.
  std::function<double(double base, std::int64_t t, std::int64_t total, const Fields& fields)> rate{};
};

using ScheduleTable = NamedTable<ScheduleDef>;

/// A schedule's own fields before those that every schedule has: warmup_steps and per.
std::vector<FieldDef> schedule_fields(std::vector<FieldDef> own);

/// The learning rate of the next update. `fields` is complete.
double scheduled_learning_rate(const ScheduleDef& schedule, const Fields& fields, double base,
                               const Progress& progress);

/// constant, step, exponential, cosine.
void register_schedules(ScheduleTable& schedules, const std::string& owner);

}  // namespace assay
