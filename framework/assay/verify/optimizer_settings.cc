#include "assay/verify/optimizer_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "assay/core/error.h"
#include "assay/verify/same_graph.h"

namespace assay::verify {
namespace {

// A number in the field's range that is not `now`.
std::optional<double> other_number(const FieldDef& field, double now) {
  for (const double number : {0.25, 0.5, 2.0, 16.0, field.minimum, field.maximum}) {
    if (number >= field.minimum && number <= field.maximum && number != now) return number;
  }
  return std::nullopt;
}

}  // namespace

Outcome check_optimizer_settings(const Registry& registry, const OptimizerDef& def) {
  const std::string basis = "another value of a setting builds another graph";
  if (std::ranges::any_of(def.fields, &FieldDef::required))
    return Outcome::skipped("M: it has settings without defaults");
  const auto built_with = [&](const Fields& fields) -> std::optional<Graph> {
    Graph graph(registry.ops);
    GraphBuild build{
        .graph = graph, .updates = true, .dtype = DType::quad, .initializers = registry.initializers};
    const std::string name = "settings.weight";
    const Value w = graph.state(name, {DType::quad, Shape{2}}),
                g = graph.input("gradient", {DType::quad, Shape{2}});
    UpdateBuilder builder(build, fields, name, w, g);
    try {
      def.update(builder);
    } catch (const Error&) {  // settings that contradict each other
      return std::nullopt;
    }
    return graph;
  };
  const Fields defaults = complete(def.fields, {}, "optimizer '" + def.name + "'");
  std::vector<const FieldDef*> own;  // that can have another value
  for (const FieldDef& field : def.fields) {
    const bool number = field.kind == FieldKind::number && !field.optional;
    if (number && field.name != "learning_rate" && other_number(field, defaults.number(field.name)))
      own.push_back(&field);
  }
  const auto with = [](Fields fields, const FieldDef& field) {
    if (const auto number = other_number(field, fields.number(field.name))) fields.set(field.name, *number);
    return fields;
  };
  Outcome outcome{Status::passed, basis, {}, 0, 0};
  for (const FieldDef* field : own) {
    bool counts = false;
    for (std::size_t beside = 0; beside <= own.size() && !counts; ++beside) {
      const Fields base = beside == 0 ? defaults : with(defaults, *own[beside - 1]);
      const auto before = built_with(base), after = built_with(with(base, *field));
      counts = before && after && !first_difference(*after, *before).empty();
    }
    ++outcome.judged;
    if (!counts) return Outcome::failed(basis, fmt::format("'{}' changes nothing", field->name));
  }
  return outcome;
}

}  // namespace assay::verify
