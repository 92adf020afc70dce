// assay explain: the article made executable — every step of forward and backward as formula, numbers and
// result; for larger models a summary per tensor.
#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/derivation.h"
#include "assay/experiment/trace.h"
#include "assay/graph/simplify.h"
#include "assay/session.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string section_name(Section section) {
  switch (section) {
    case Section::forward:
      return "Forward pass";
    case Section::loss:
      return "Loss";
    case Section::backward:
      return "Backward pass";
  }
  return "";
}

std::string text(const Experiment& experiment, const Derivation& derivation, std::int64_t batch,
                 bool markdown) {
  const auto heading = [&](const std::string& title) {
    return markdown ? fmt::format("\n## {}\n\n", title) : fmt::format("\n{}\n", title);
  };
  std::string out = markdown ? fmt::format("# {}\n", experiment.name) : experiment.name + "\n";
  out += heading(fmt::format("Given (batch of {})", batch));
  for (const DerivationStep& given : derivation.given) {
    out += markdown ? fmt::format("- {} = `{}`", given.symbol, given.result)
                    : fmt::format("  {} = {}", given.symbol, given.result);
    out += given.name.empty() || given.name == given.symbol ? "\n" : fmt::format("    ({})\n", given.name);
  }
  std::optional<Section> section;
  int number = 0;
  for (const DerivationStep& step : derivation.steps) {
    if (section != step.section) out += heading(section_name(step.section));
    section = step.section;
    ++number;
    const std::string place = step.layer.empty() ? "" : fmt::format("  [{}]", step.layer);
    if (markdown) {
      out += fmt::format("{}. **{}** = {}{}\n", number, step.symbol, step.formula, place);
      if (!step.substituted.empty()) out += fmt::format("   = `{}`\n", step.substituted);
      out += fmt::format("   = `{}`\n", step.result);
      if (!step.note.empty()) out += fmt::format("   *{}*\n", step.note);
    } else {
      const std::string lead = fmt::format("  {:>2}. ", number), indent(lead.size(), ' ');
      out += fmt::format("{}{} = {}{}\n", lead, step.symbol, step.formula, place);
      if (!step.substituted.empty()) out += fmt::format("{}= {}\n", indent, step.substituted);
      out += fmt::format("{}= {}\n", indent, step.result);
      if (!step.note.empty()) out += fmt::format("{}({})\n", indent, step.note);
    }
  }
  return out;
}

std::string json(const Experiment& experiment, const Derivation& derivation, std::int64_t batch) {
  Json all{{"name", experiment.name}, {"batch", batch}};
  const auto to_json = [](const DerivationStep& step) {
    const auto extents = step.spec.shape.extents();
    Json one{{"symbol", step.symbol},
             {"name", step.name},
             {"layer", step.layer},
             {"formula", step.formula},
             {"substituted", step.substituted},
             {"result", step.result},
             {"dtype", name_of(step.spec.dtype)},
             {"shape", std::vector<std::int64_t>(extents.begin(), extents.end())},
             {"values", step.values}};
    if (!step.note.empty()) one["note"] = step.note;
    return one;
  };
  for (const DerivationStep& step : derivation.given) all["given"].push_back(to_json(step));
  for (const DerivationStep& step : derivation.steps) {
    Json one = to_json(step);
    one["section"] = section_name(step.section);
    all["steps"].push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

// Every value of the graph as an output, under its place in it.
std::string value_name(ValueId id) { return fmt::format("%{}.{}", id.node, id.output); }

int run_explain(const Arguments& arguments) {
  Session session(arguments);
  if (arguments.has("output")) require_writable_place(arguments.text("output"));
  const Experiment experiment = load(arguments, session.registry());
  const Problem problem(experiment, session.registry(), experiment.seeds.front());
  const int digits = static_cast<int>(arguments.integer("digits", 0, 17).value_or(3));
  const TraceBatch batch =
      trace_batch(problem, arguments.integer("batch", 1, std::int64_t{1} << 40).value_or(1) - 1);
  const std::int64_t rows = batch.sample.count();

  const Graph graph = simplify(problem.model().trace_graph(rows, experiment.dtype));
  Graph observed = simplify(graph);  // the same nodes in the same order
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    for (std::size_t o = 0; o < graph.nodes()[n].outputs.size(); ++o) {
      const ValueId id{static_cast<std::int32_t>(n), static_cast<std::int32_t>(o)};
      observed.output(value_name(id), observed.value(id));
    }
  }
  StateStore states;
  Arena arena;
  problem.initialize(states);
  Program program = Program::compile(observed, problem.backends(), states, arena, problem.compile_options());
  set_trace_inputs(program, batch, problem.seed());
  program.run();
  const Derivation derivation = derive(
      graph, [&](ValueId id) { return program.output(value_name(id)); }, rows, digits);

  const std::string format = arguments.text("format", "text");
  const std::string result = format == "json" ? json(experiment, derivation, rows)
                                              : text(experiment, derivation, rows, format == "markdown");
  if (arguments.has("output")) {
    std::ofstream file(arguments.text("output"), std::ios::binary);
    file << result;
    if (!file.flush()) throw Error(fmt::format("'{}' cannot be written", arguments.text("output")));
  } else {
    fmt::print("{}", result);
  }
  next_step("assay run " + arguments.positionals().front());
  return kOk;
}

}  // namespace

Command explain_command() {
  std::vector<Option> options = experiment_options();
  options.push_back({"format", 0, "FORMAT", "how to write", {"text", "markdown", "json"}});
  options.push_back({"digits", 0, "N", "decimals of the numbers (3)"});
  options.push_back({"batch", 0, "K", "the K-th batch in the order of the data, counted from 1"});
  options.push_back({"output", 'o', "FILE", "write here instead of standard output"});
  return {"explain",
          "write out forward and backward: formula, numbers, result, step by step",
          {{"assay explain experiments/seed/worked_example.yaml", "the article's worked example"},
           {"assay explain experiments/seed/worked_example.yaml --digits 8 --format markdown",
            "with more digits, to paste into a text"},
           {"assay explain experiments/fashion_mnist/mlp.yaml", "a summary per tensor of a larger network"}},
          {{"FILE", "the experiment"}},
          options,
          run_explain};
}

}  // namespace assay::cli
