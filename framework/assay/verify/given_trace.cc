#include "assay/verify/given_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/data/npz.h"
#include "assay/graph/simplify.h"
#include "assay/program/place.h"
#include "assay/verify/bounds.h"
#include "assay/verify/op_site.h"
#include "assay/verify/selector.h"
#include "assay/verify/setting.h"

namespace assay::verify {
namespace {

// Names by which the file may be read, with what the experiment says of them.
using Named = std::map<std::string, Spec, std::less<>>;

Named names_of(const Graph& graph) {
  Named named;
  for (const auto& [name, id] : graph.outputs()) named.emplace(name, graph.spec(id));
  return named;
}

void require_known(const NpzFile& file, const Named& named, const std::filesystem::path& path) {
  std::vector<std::string> known;
  for (const auto& [name, spec] : named) known.push_back(name);
  std::vector<Diagnostic> findings;
  for (const std::string& name : file.names()) {
    if (named.contains(name)) continue;
    const Error error = Error(fmt::format("{}: the experiment has no tensor '{}'", path.string(), name))
                            .help(suggestion("name", name, known));
    findings.insert(findings.end(), error.diagnostics().begin(), error.diagnostics().end());
  }
  if (!findings.empty()) throw Error(std::move(findings));
  if (file.names().empty()) throw Error(fmt::format("{} holds no arrays", path.string()));
}

// The narrowest floating-point format of the file; whole numbers fit any.
DType format_of(const NpzFile& file, const std::filesystem::path& path) {
  bool narrow = false;
  for (const std::string& name : file.names()) {
    const StoredType type = file.describe(name).type;
    if (type == StoredType::f16 || type == StoredType::bf16) {
      throw Error(fmt::format("{}: '{}' is {}, whose rounding is not judged", path.string(), name,
                              assay::name_of(type)))
          .help("give float32 or float64");
    }
    narrow = narrow || type == StoredType::f32;
  }
  return narrow ? DType::f32 : DType::f64;
}

// How many rows of the batch the file is about: the first axis of what has one.
std::int64_t rows_of(const NpzFile& file) {
  for (const std::string& name : file.names()) {
    if (name != "input" && name != "target" && !name.ends_with(".output")) continue;
    const Shape shape = file.describe(name).shape;
    if (shape.rank() > 0) return std::max<std::int64_t>(1, shape[0]);
  }
  return std::numeric_limits<std::int64_t>::max();
}

// The array in the file's format. Throws where a wider one among narrower ones would be rounded.
Tensor read(const NpzFile& file, const std::string& name, const Spec& spec,
            const std::filesystem::path& path) {
  Tensor tensor = file.read(name, spec.dtype);
  if (!is_real(spec.dtype)) return tensor;
  const Tensor full = file.read(name, DType::f64);
  for (std::int64_t i = 0; i < tensor.count(); ++i) {
    const double a = element(tensor.view(), i), b = element(full.view(), i);
    if (a == b || (a != a && b != b)) continue;
    throw Error(
        fmt::format("{}: '{}' holds {} at {}, which {} cannot hold, but other arrays of the file are {}",
                    path.string(), name, b, tensor.shape().index_text(i), name_of(spec.dtype),
                    name_of(spec.dtype)))
        .help("give all tensors of one trace in one format");
  }
  return tensor;
}

// The widest contract that a backend declares for this op: what a foreign function is granted, too.
class Contracts {
 public:
  explicit Contracts(const Registry& registry) {
    for (const std::string& name : registry.backends.names())
      backends_.push_back(registry.create_backend(name, {}, 1));
  }
  Accuracy of(const Site& site) const {
    Accuracy widest;
    for (const auto& backend : backends_) {
      const Offer offer = backend->offer(site);
      if (const auto* plan = std::get_if<Plan>(&offer)) {
        widest.ulp = std::max(widest.ulp, plan->accuracy.ulp);
        widest.absolute = std::max(widest.absolute, plan->accuracy.absolute);
      }
    }
    return widest;
  }

 private:
  std::vector<std::unique_ptr<Backend>> backends_;
};

class Judge {
 public:
  Judge(const Setting& setting, DType experiment_dtype, const Registry& registry,
        const std::map<std::string, Tensor>& given, const std::string& source,
        const GivenTraceOptions& options)
      : setting_(setting),
        experiment_dtype_(experiment_dtype),
        graph_(setting.trace_graph(setting.dtype())),
        contracts_(registry),
        given_(given),
        source_(source),
        options_(options),
        selector_(options.select),
        wide_(setting.dtype() == DType::f64 ? DType::bound64 : DType::bound32) {
    for (const auto& [name, id] : graph_.outputs()) {
      if (given_.contains(name)) names_[id].push_back(name);
    }
  }

  Report judge() {
    const Bindings own = setting_.bindings(graph_);
    const std::vector<bool> needed = needed_nodes();
    for (std::int32_t n = 0; n < static_cast<std::int32_t>(graph_.nodes().size()); ++n) {
      if (!needed[static_cast<std::size_t>(n)]) continue;
      const Node& node = graph_.node({n, 0});
      if (node.kind == NodeKind::op) {
        evaluate(n);
      } else if (node.kind == NodeKind::constant) {
        const std::vector<double> fill(static_cast<std::size_t>(node.outputs[0].count()), node.constant);
        values_.emplace(ValueId{n, 0}, Tensor::of(wide(node.outputs[0].dtype), node.outputs[0].shape, fill));
      } else {
        source(n, own.at(node.name));
      }
    }
    return std::move(report_);
  }

 private:
  DType wide(DType dtype) const { return is_real(dtype) ? wide_ : dtype; }
  Tensor widened(const Tensor& tensor) const {
    Tensor result(Spec{wide(tensor.dtype()), tensor.shape()});
    convert(tensor.view(), result.view());
    return result;
  }

  // What the named values are computed from.
  std::vector<bool> needed_nodes() const {
    std::vector<bool> needed(graph_.nodes().size(), false);
    for (const auto& [id, names] : names_) needed[static_cast<std::size_t>(id.node)] = true;
    for (auto n = static_cast<std::int32_t>(needed.size()) - 1; n >= 0; --n) {
      if (!needed[static_cast<std::size_t>(n)]) continue;
      for (const ValueId input : graph_.node({n, 0}).inputs)
        needed[static_cast<std::size_t>(input.node)] = true;
    }
    return needed;
  }

  Check check_of(Oracle oracle, const std::string& name) const {
    Check check;
    check.oracle = oracle;
    check.subject = {
        name, source_, {}, setting_.dtype(), {}, given_.at(name).spec().to_string(), SubjectKind::tensor};
    return check;
  }
  void add(Check check) {
    const std::string id = check.id();
    if (!selector_.matches(id)) return;
    if (check.status == Status::failed) check.reproduce = fmt::format("{} -k '={}'", options_.command, id);
    report_.add(std::move(check));
  }

  // Data and parameters: the experiment's own, number for number. What follows is computed from the file's.
  void source(std::int32_t n, const Tensor& own) {
    const ValueId id{n, 0};
    const auto found = names_.find(id);
    if (found == names_.end()) {
      values_.emplace(id, widened(own));
      return;
    }
    for (const std::string& name : found->second) {
      Check check = check_of(Oracle::known, name);
      std::vector<Tensor> ours, theirs;
      ours.push_back(own.clone());
      theirs.push_back(given_.at(name).clone());
      Comparison result = compare_exactly(theirs, ours, {name});
      if (result.failed > 0 && setting_.dtype() != experiment_dtype_) {
        // A program in f64 may have started from what the experiment is in f32.
        ours = convert_all(convert_all(ours, experiment_dtype_), setting_.dtype());
        if (const Comparison rounded = compare_exactly(theirs, ours, {name}); rounded.failed == 0)
          result = rounded;
      }
      check.basis = "exact: the experiment's own";
      check.detail = result.detail;
      check.judged = result.judged;
      check.status = result.failed > 0 ? Status::failed : Status::passed;
      add(std::move(check));
    }
    values_.insert_or_assign(id, widened(given_.at(found->second.front())));
  }

  void evaluate(std::int32_t n) {
    const Node& node = graph_.node({n, 0});
    const std::int32_t alone[] = {n};
    const Site site = make_site(graph_, alone).site;
    SiteOp op = site.ops.front();
    std::vector<Tensor> operands;
    bool open = false, inexactly = false;
    for (const ValueId input : node.inputs) {
      operands.push_back(values_.at(input).clone());
      open = open || open_.contains(input);
      inexactly = inexactly || inexact(operands.back());
    }
    const Accuracy accuracy = contracts_.of(site);
    std::string refusal;
    std::vector<Tensor> outputs = apply_on_bounds(setting_.reference(), op, operands, accuracy, refusal);
    if (!refusal.empty()) throw Error(fmt::format("op '{}': {}", node.op->name, refusal));
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const ValueId id{n, static_cast<std::int32_t>(o)};
      // A choice (of a maximum, of a sign) that rests on inexact numbers may fall otherwise in the file.
      if (open || (inexactly && !is_real(outputs[o].dtype()))) open_.insert(id);
      finish(id, std::move(outputs[o]), accuracy);
    }
  }

  // Judges a value under each of its names, and goes on from what the file says of it.
  void finish(ValueId id, Tensor computed, const Accuracy& accuracy) {
    const auto found = names_.find(id);
    if (found == names_.end()) {
      values_.emplace(id, std::move(computed));
      return;
    }
    Bounded bounded;
    bounded.outputs.push_back(std::move(computed));
    bounded.height = height_of(bounded.outputs.front());
    for (const std::string& name : found->second) {
      Check check = check_of(Oracle::lockstep, name);
      if (open_.contains(id) || !bounded_everywhere(bounded.outputs.front())) {
        check.status = Status::skipped;
        check.detail = open_.contains(id) ? "rests on a choice between numbers that the file leaves out"
                                          : "no finite bound without the tensors that the file leaves out";
        add(std::move(check));
        continue;
      }
      std::vector<Tensor> got;
      got.push_back(given_.at(name).clone());
      const Comparison result = compare(got, bounded, {name});
      check.basis = basis_of(bounded, accuracy);
      check.ratio = result.ratio;
      check.judged = result.judged;
      check.detail = result.detail;
      check.status = result.failed > 0 ? Status::failed : Status::passed;
      add(std::move(check));
    }
    open_.erase(id);
    values_.emplace(id, taken(found->second));
  }

  // Whether f says so of every element of a tensor of bound scalars.
  template <class F>
  static bool each(const Tensor& tensor, F f) {
    if (tensor.dtype() == DType::bound32) return std::ranges::all_of(tensor.as<Bound32>(), f);
    if (tensor.dtype() == DType::bound64) return std::ranges::all_of(tensor.as<Bound64>(), f);
    return true;
  }
  static bool bounded_everywhere(const Tensor& tensor) {
    return each(tensor, [](const auto& x) { return !isfinite(x.value) || isfinite(x.error()); });
  }
  static double height_of(const Tensor& tensor) {
    double height = 0;
    each(tensor, [&](const auto& x) {
      height = std::max(height, x.height);
      return true;
    });
    return height;
  }

  // The file's value. Equal ops are one node here and may have been two in the file: what its names differ by
  // is an error of the one that stands for them.
  Tensor taken(const std::vector<std::string>& names) const {
    Tensor value = widened(given_.at(names.front()));
    const auto widen = [&]<class B>(const Tensor& other, B*) {
      const auto mine = value.as<B>();
      const auto theirs = other.as<B>();
      for (std::size_t i = 0; i < mine.size(); ++i) {
        if (mine[i].value == theirs[i].value) continue;
        mine[i] = B::term(mine[i].value,
                          maximum(mine[i].error(), B::at_most(abs(mine[i].value - theirs[i].value))));
      }
    };
    for (std::size_t k = 1; k < names.size(); ++k) {
      const Tensor other = widened(given_.at(names[k]));
      if (other.dtype() == DType::bound32) widen(other, static_cast<Bound32*>(nullptr));
      if (other.dtype() == DType::bound64) widen(other, static_cast<Bound64*>(nullptr));
    }
    return value;
  }

  const Setting& setting_;
  const DType experiment_dtype_;
  const Graph graph_;
  const Contracts contracts_;
  const std::map<std::string, Tensor>& given_;
  const std::string source_;
  const GivenTraceOptions& options_;
  const Selector selector_;
  const DType wide_;
  std::map<ValueId, std::vector<std::string>> names_;  // that the file has, in the order of the trace
  Values values_;           // bound scalars; where the file has the value, that, taken as exact
  std::set<ValueId> open_;  // values that rest on a choice which may fall either way
  Report report_;
};

Check missing_check(const std::string& name, const std::string& source, const Spec& spec) {
  Check check;
  check.oracle = Oracle::lockstep;
  check.subject = {name,
                   source,
                   {},
                   is_real(spec.dtype) ? spec.dtype : DType::f32,
                   {},
                   spec.to_string(),
                   SubjectKind::tensor};
  check.status = Status::skipped;
  check.detail = "not in the file";
  return check;
}

}  // namespace

GivenTraceReport verify_given_trace(const Experiment& experiment, const Registry& registry,
                                    const std::filesystem::path& path, const GivenTraceOptions& options) {
  const NpzFile file(path);
  GivenTraceReport report;
  report.dtype = format_of(file, path);
  const std::int64_t rows = rows_of(file);
  const Setting setting(experiment, registry, report.dtype, options.batch, rows);
  const Graph graph = setting.trace_graph(report.dtype);
  const Named named = names_of(graph);
  require_known(file, named, path);
  if (rows != std::numeric_limits<std::int64_t>::max() && rows > setting.rows()) {
    throw Error(fmt::format("{} has {} rows, but batch {} of the experiment has {}", path.string(), rows,
                            options.batch + 1, setting.rows()))
        .help("give --batch K, or the trace of a whole batch or of its first rows");
  }

  std::map<std::string, Tensor> given;
  const std::string source = path.filename().string();
  for (const auto& [name, id] : graph.outputs()) {
    const Spec& spec = named.at(name);
    if (!file.contains(name)) {
      report.missing.push_back(name);
      continue;
    }
    const Shape shape = file.describe(name).shape;
    if (shape != spec.shape) {
      throw Error(fmt::format("{}: '{}' has shape {}, but in the experiment it is {}", path.string(), name,
                              shape.to_string(), spec.shape.to_string()))
          .help("axis 0 of data, outputs and their gradients is the batch; weights of dense are [out, in]");
    }
    given.emplace(name, read(file, name, spec, path));
  }

  report.checks = Judge(setting, experiment.dtype, registry, given, source, options).judge();
  for (const Check& check : report.checks.checks()) {
    if (check.status != Status::failed) continue;
    report.first_failure = check.id();
    break;
  }
  const Selector selector(options.select);
  for (const std::string& name : report.missing) {
    Check check = missing_check(name, source, named.at(name));
    if (selector.matches(check.id())) report.checks.add(std::move(check));
  }

  const Graph exact_graph = simplify(setting.trace_graph(DType::quad));
  if (cost_of(exact_graph) > options.cost_limit) return report;
  Bindings bindings = setting.bindings(exact_graph);
  for (auto& [name, value] : bindings) {
    if (const auto own = given.find(name); own != given.end()) convert(own->second.view(), value.view());
  }
  const Values exact = evaluate(exact_graph, setting.reference(), bindings);
  for (const auto& [name, id] : exact_graph.outputs()) {
    const auto got = given.find(name);
    if (got == given.end() || !is_real(got->second.dtype())) continue;
    report.rows.push_back({name, {error_of(got->second.view(), exact.at(id).view())}});
  }
  return report;
}

}  // namespace assay::verify
