#include "assay/layers/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay {
namespace {

ScheduleDef constant_schedule() {
  ScheduleDef def{.name = "constant", .summary = "the same for all steps", .formula = "η(t) = η₀"};
  def.fields = schedule_fields({});
  def.rate = [](double base, std::int64_t, std::int64_t, const Fields&) { return base; };
  return def;
}

ScheduleDef step() {
  ScheduleDef def{.name = "step",
                  .summary = "falls by a factor at equal distances",
                  .formula = "η(t) = η₀ γ^⌊t / every⌋"};
  def.fields = schedule_fields({{.name = "every",
                                 .kind = FieldKind::integer,
                                 .summary = "units between two falls",
                                 .required = true,
                                 .minimum = 1},
                                {.name = "gamma",
                                 .kind = FieldKind::number,
                                 .summary = "γ, the factor",
                                 .fallback = 0.1,
                                 .minimum = 0}});
  def.rate = [](double base, std::int64_t t, std::int64_t, const Fields& fields) {
    const std::int64_t falls = t / fields.integer("every");
    return base * std::pow(fields.number("gamma"), static_cast<double>(falls));
  };
  return def;
}

ScheduleDef exponential() {
  ScheduleDef def{
      .name = "exponential", .summary = "falls by a factor with every unit", .formula = "η(t) = η₀ γ^t"};
  def.fields = schedule_fields({{.name = "gamma",
                                 .kind = FieldKind::number,
                                 .summary = "γ, the factor",
                                 .required = true,
                                 .minimum = 0}});
  def.rate = [](double base, std::int64_t t, std::int64_t, const Fields& fields) {
    return base * std::pow(fields.number("gamma"), static_cast<double>(t));
  };
  return def;
}

ScheduleDef cosine() {
  ScheduleDef def{
      .name = "cosine",
      .summary = "half a wave down to the smallest (Loshchilov and Hutter 2017, without restarts)",
      .formula = "η(t) = η_min + (η₀ − η_min) (1 + cos(π t / T)) / 2, and η_min from T on"};
  def.fields = schedule_fields({{.name = "min_learning_rate",
                                 .kind = FieldKind::number,
                                 .summary = "η_min",
                                 .fallback = 0.0,
                                 .minimum = 0}});
  def.rate = [](double base, std::int64_t t, std::int64_t total, const Fields& fields) {
    const double least = fields.number("min_learning_rate");
    if (t >= total) return least;
    const double angle = std::numbers::pi * static_cast<double>(t) / static_cast<double>(total);
    return least + (base - least) * ((1.0 + std::cos(angle)) / 2.0);
  };
  return def;
}

}  // namespace

std::vector<FieldDef> schedule_fields(std::vector<FieldDef> own) {
  own.push_back({.name = "warmup_steps",
                 .kind = FieldKind::integer,
                 .summary = "steps over which the learning rate rises to its base",
                 .fallback = std::int64_t{0},
                 .minimum = 0});
  own.push_back({.name = "per",
                 .kind = FieldKind::choice,
                 .summary = "the unit of time",
                 .fallback = std::string("step"),
                 .choices = {"step", "epoch"}});
  return own;
}

double scheduled_learning_rate(const ScheduleDef& schedule, const Fields& fields, double base,
                               const Progress& progress) {
  const std::int64_t warmup = fields.integer("warmup_steps");
  if (progress.step < warmup)
    return base * static_cast<double>(progress.step + 1) / static_cast<double>(warmup);
  if (fields.text("per") == "epoch")
    return schedule.rate(base, progress.epoch, progress.total_epochs, fields);
  return schedule.rate(base, progress.step - warmup, progress.total_steps - warmup, fields);
}

void register_schedules(ScheduleTable& schedules, const std::string& owner) {
  for (ScheduleDef def : {constant_schedule(), step(), exponential(), cosine()}) {
    const std::string name = def.name;
    schedules.add(name, std::move(def), owner);
  }
}

}  // namespace assay
