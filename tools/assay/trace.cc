// assay trace: one forward and backward pass, every named tensor written to a .npz file.
#include "assay/experiment/trace.h"

#include <fmt/format.h>

#include <filesystem>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/data/npz.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

int run_trace(const Arguments& arguments) {
  Session session(arguments);
  if (!arguments.has("output")) throw Error("'-o OUT.npz' is missing: where the tensors go");
  const std::filesystem::path out = arguments.text("output");
  if (out.extension() != ".npz") throw Error(fmt::format("'{}' does not end in .npz", out.string()));
  require_writable_place(out);
  const Experiment experiment = load(arguments, session.registry());
  const Problem problem(experiment, session.registry(), experiment.seeds.front());
  const std::int64_t k = arguments.integer("batch", 1, std::int64_t{1} << 40).value_or(1) - 1;
  const std::vector<NamedTensor> tensors = trace(problem, k);
  std::vector<NamedView> views;
  for (const NamedTensor& tensor : tensors) views.push_back({tensor.name, tensor.tensor.view()});
  write_npz(out, views);
  Table table({"tensor", "shape"});
  for (const NamedView& view : views) table.add({view.name, view.view.spec.to_string()});
  fmt::print("{}", table.render());
  next_step(fmt::format("python3 -c \"import numpy; print(numpy.load('{}')['loss'])\"", out.string()));
  return kOk;
}

}  // namespace

Command trace_command() {
  std::vector<Option> options = experiment_options();
  options.push_back({"output", 'o', "OUT.npz", "where the tensors go"});
  options.push_back({"batch", 0, "K", "the K-th batch in the order of the data, counted from 1"});
  return {"trace",
          "run forward and backward once and write every named tensor",
          {{"assay trace experiments/seed/worked_example.yaml -o trace.npz",
            "input, target, loss, outputs, parameters and gradients"},
           {"assay trace experiments/fashion_mnist/mlp.yaml --backend eigen --batch 3 -o trace.npz",
            "the third batch, on another backend"}},
          {{"FILE", "the experiment"}},
          options,
          run_trace};
}

}  // namespace assay::cli
