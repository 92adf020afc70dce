#include "assay/experiment/read_training.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

constexpr std::int64_t kLargestCount = std::int64_t{1} << 40;
constexpr std::int64_t kLargestBatch = std::int64_t{1} << 24;

const std::vector<std::string>& metric_types() {
  static const std::vector<std::string> types{"accuracy", "top_k", "confusion_matrix", "mean_absolute_error"};
  return types;
}

FieldDef integer_field(std::string name, std::int64_t fallback, double minimum, double maximum = 1e12) {
  return {.name = std::move(name),
          .kind = FieldKind::integer,
          .fallback = fallback,
          .minimum = minimum,
          .maximum = maximum};
}

// Greater is better for an accuracy; for a loss or an error, less.
bool better_when_greater(const std::string& metric) {
  return metric.ends_with("accuracy") || metric.find("/top_") != std::string::npos;
}

bool read_interval(const std::string& text, CheckpointConfig& checkpoint) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || space == 0 || space > 12) return false;
  const std::string count = text.substr(0, space), unit = text.substr(space + 1);
  if (count.find_first_not_of("0123456789") != std::string::npos) return false;
  checkpoint.every = std::stoll(count);
  checkpoint.per_epoch = unit == "epoch" || unit == "epochs";
  return checkpoint.every > 0 && (checkpoint.per_epoch || unit == "step" || unit == "steps");
}

}  // namespace

void read_train(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment) {
  MapReader reader(node, diagnostics, "'train'");
  const FieldDef defs[] = {integer_field("epochs", 1, 0),
                           integer_field("batch_size", 32, 1, static_cast<double>(kLargestBatch))};
  if (const auto fields = reader.fields(defs)) {
    experiment.epochs = fields->integer("epochs");
    experiment.batch_size = fields->integer("batch_size");
  }
  if (const ConfigNode* steps = reader.optional("steps")) {
    if (const auto count = read_integer(*steps, diagnostics, "'steps'", 0, kLargestCount)) experiment.steps = *count;
  }
  reader.finish();
}

void read_metrics(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment) {
  if (!node.is_sequence()) {
    report(diagnostics, node, fmt::format("'metrics' must be a list, not {}", describe(node)),
           "a list expected");
    return;
  }
  for (const ConfigNode& item : node.items()) {
    const ConfigNode map = in_full(item);
    MapReader reader(map, diagnostics, "a metric");
    const ConfigNode* type = reader.required("type");
    MetricConfig metric;
    if (type == nullptr) continue;
    const FieldDef choice{.name = "metric", .kind = FieldKind::choice, .choices = metric_types()};
    if (const auto value = read_field(*type, choice, diagnostics))
      metric.type = std::get<std::string>(*value);
    if (metric.type == "top_k") {
      if (const ConfigNode* k = reader.optional("k")) {
        if (const auto count = read_integer(*k, diagnostics, "'k'", 1, kLargestCount)) metric.k = *count;
      }
    }
    reader.finish();
    if (!metric.type.empty()) experiment.metrics.push_back(metric);
  }
}

void read_early_stopping(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment) {
  MapReader reader(node, diagnostics, "'early_stopping'");
  EarlyStopping stopping;
  if (const ConfigNode* monitor = reader.required("monitor")) {
    if (const auto name = read_text(*monitor, diagnostics, "'monitor'")) stopping.monitor = *name;
  }
  const FieldDef defs[] = {
      integer_field("patience", 1, 0),
      {.name = "min_delta", .kind = FieldKind::number, .fallback = 0.0, .minimum = 0},
      {.name = "restore_best", .kind = FieldKind::boolean, .fallback = true},
      {.name = "mode", .kind = FieldKind::choice, .optional = true, .choices = {"min", "max"}}};
  if (const auto fields = reader.fields(defs)) {
    stopping.patience = fields->integer("patience");
    stopping.min_delta = fields->number("min_delta");
    stopping.restore_best = fields->boolean("restore_best");
    stopping.maximize = fields->find("mode") != nullptr ? fields->text("mode") == "max"
                                                        : better_when_greater(stopping.monitor);
  }
  reader.finish();
  experiment.early_stopping = stopping;
}

void read_checkpoint(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment) {
  MapReader reader(node, diagnostics, "'checkpoint'");
  CheckpointConfig checkpoint;
  if (const ConfigNode* every = reader.required("every")) {
    const auto text = read_text(*every, diagnostics, "'every'");
    if (text && !read_interval(*text, checkpoint)) {
      report(diagnostics, *every, fmt::format("'{}' is no interval", *text),
             "such as '1 epoch' or '500 steps'");
    }
  }
  const FieldDef defs[] = {integer_field("keep_last", 1, 0), integer_field("keep_best", 0, 0)};
  if (const auto fields = reader.fields(defs)) {
    checkpoint.keep_last = fields->integer("keep_last");
    checkpoint.keep_best = fields->integer("keep_best");
  }
  reader.finish();
  experiment.checkpoint = checkpoint;
}

void read_expect(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment) {
  if (!node.is_map()) {
    report(diagnostics, node, fmt::format("'expect' must be a map, not {}", describe(node)),
           "such as {test/accuracy: {min: 0.9}}");
    return;
  }
  for (const ConfigNode::Entry& entry : node.entries()) {
    Expectation expectation;
    expectation.metric = entry.key.text();
    expectation.where = entry.key.where();
    MapReader reader(entry.value, diagnostics, fmt::format("expectation '{}'", expectation.metric));
    if (const ConfigNode* least = reader.optional("min"))
      expectation.minimum = read_number(*least, diagnostics, "'min'");
    if (const ConfigNode* most = reader.optional("max"))
      expectation.maximum = read_number(*most, diagnostics, "'max'");
    reader.finish();
    if (entry.value.is_map() && entry.value.entries().empty())
      report(diagnostics, entry.key, "the expectation expects nothing", "give min, max, or both");
    experiment.expectations.push_back(std::move(expectation));
  }
}

}  // namespace assay
