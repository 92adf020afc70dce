#include "assay/verify/components.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "assay/core/error.h"
#include "assay/core/quad.h"
#include "assay/layers/resolve.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/known_components.h"
#include "assay/verify/optimizer_settings.h"
#include "assay/verify/selector.h"

namespace assay::verify {
namespace {

constexpr const char* kName = "known";
constexpr std::uint64_t kSeed = 3;

std::vector<Quad> quads_of(const KnownTensor& tensor) {
  std::vector<Quad> numbers;
  for (const std::string& number : numbers_of(tensor)) numbers.push_back(Quad::parse(number));
  return numbers;
}

// A graph in quad with what is bound to its inputs and states.
struct Built {
  explicit Built(const OpTable& ops) : graph(ops) {}

  Value state(const std::string& name, const KnownTensor& known) {
    bindings.insert_or_assign(name, tensor_of(known, DType::quad));
    return graph.state(name, {DType::quad, known.shape});
  }
  Value input(const std::string& name, const KnownTensor& known, DType dtype) {
    bindings.insert_or_assign(name, tensor_of(known, dtype));
    return graph.input(name, {dtype, known.shape});
  }

  Graph graph;
  Bindings bindings;
};

// What is claimed of a component, and what it turns out to be.
class Judgement {
 public:
  void fail(const std::string& why) {
    outcome_.status = Status::failed;
    if (outcome_.detail.empty()) outcome_.detail = why;
  }

  void equal(const std::string& what, const std::string& want, const std::string& got) {
    ++outcome_.judged;
    if (want != got) fail(fmt::format("{} is {}, known is {}", what, got, want));
  }

  // Every number, as T rounds both.
  template <class T>
  void equal(const std::string& what, const KnownTensor& want, const Shape& shape,
             const std::vector<Quad>& got) {
    if (shape != want.shape)
      return fail(
          fmt::format("{} has shape {}, known is {}", what, shape.to_string(), want.shape.to_string()));
    const std::vector<Quad> known = quads_of(want);
    for (std::size_t i = 0; i < known.size(); ++i) {
      ++outcome_.judged;
      const T is = static_cast<T>(static_cast<double>(got[i])),
              should = static_cast<T>(static_cast<double>(known[i]));
      if (is == should || (std::isnan(is) && std::isnan(should))) continue;
      fail(fmt::format("{} at {} is {}, known is {}", what, shape.index_text(static_cast<std::int64_t>(i)),
                       got[i].to_string(17), known[i].to_string(17)));
    }
  }

  void equal(const std::string& what, const KnownTensor& want, const Tensor& got) {
    const auto values = got.as<Quad>();
    equal<double>(what, want, got.shape(), {values.begin(), values.end()});
  }

  Outcome outcome(const std::string& source, const std::string& rounding) {
    outcome_.basis = fmt::format("known {}; exact: {}", source, rounding);
    return std::move(outcome_);
  }

 private:
  Outcome outcome_;
};

constexpr const char* kInQuad = "computed in quad, rounded once to f64";
constexpr const char* kInDouble = "computed in f64, rounded once to f32";

// Runs the graph, and compares its output and the successors of its states.
void compare(const Built& built, const Backend& reference, const KnownTensor& output, Value result,
             const std::map<std::string, KnownTensor>& successors, Judgement& judgement) {
  const Values values = evaluate(built.graph, reference, built.bindings);
  if (result) judgement.equal("the output", output, values.at(result.id()));
  std::map<std::string, ValueId> moved;
  for (const auto& [state, successor] : built.graph.updates())
    moved.emplace(built.graph.node(state).name, successor);
  for (const auto& [name, want] : successors) {
    const auto found = moved.find(name);
    if (found == moved.end()) {
      judgement.fail(fmt::format("'{}' stays as it is", name));
    } else {
      judgement.equal("what becomes of '" + name + "'", want, values.at(found->second));
    }
  }
}

Outcome check_layer(const Registry& registry, const Backend& reference, const KnownLayer& known) {
  Judgement judgement;
  const LayerDef& def = registry.layers.at(known.layer);
  ResolvedLayer layer;
  layer.name = kName;
  layer.def = &def;
  layer.fields = complete(def.fields, known.fields, "layer '" + def.name + "'");
  Built built(registry.ops);
  GraphBuild build{.graph = built.graph,
                   .mode = known.mode,
                   .updates = known.mode == Mode::training,
                   .dtype = DType::quad,
                   .initializers = registry.initializers};
  std::vector<Value> inputs;
  for (const KnownTensor& input : known.inputs)
    inputs.push_back(built.input(std::to_string(inputs.size()), input,
                                 def.index_limit.empty() ? DType::quad : DType::i32));
  const std::int64_t rows = known.inputs.front().shape[0];
  LayerBuilder builder(build, layer, inputs);
  const Value output = def.build(builder);

  std::vector<double> samples;
  for (std::int64_t row = 0; row < rows; ++row) samples.push_back(static_cast<double>(10 + row));
  built.bindings.emplace("sample", Tensor::of(DType::i32, Shape{rows}, samples));
  built.bindings.emplace("key", Tensor::of(DType::i32, Shape{3}, std::vector<double>{kSeed, 0, 2}));
  std::map<std::string, KnownTensor> successors;
  std::vector<std::string> names;
  for (const KnownState& state : known.states) {
    names.push_back(fmt::format("{}.{}", kName, state.name));
    built.bindings.emplace(names.back(), tensor_of(state.value, DType::quad));
    if (state.successor) successors.emplace(names.back(), *state.successor);
  }
  std::vector<std::string> asked;
  for (const StateInfo& state : build.states) asked.push_back(state.name);
  judgement.equal("the list of its states", fmt::format("{}", fmt::join(names, ", ")),
                  fmt::format("{}", fmt::join(asked, ", ")));
  for (std::size_t i = 0; i < std::min(asked.size(), known.states.size()); ++i) {
    const KnownState& state = known.states[i];
    if (state.initializer.empty()) continue;
    const auto start = [](const std::string& type, const Fans& fans) {
      return fmt::format("{}, fans {} and {}", type, fans.in, fans.out);
    };
    judgement.equal("the start of '" + state.name + "'", start(state.initializer, state.fans),
                    start(build.states[i].initializer.type, build.states[i].fans));
  }
  compare(built, reference, known.output, output, successors, judgement);
  return judgement.outcome(known.source, kInQuad);
}

// An activation's layer gives what its op does.
KnownLayer layer_of(const KnownValue& known) {
  return {.layer = known.op,
          .fields = known.fields,
          .inputs = known.inputs,
          .output = known.outputs.front(),
          .source = known.source};
}

// A loss gives what the op of its name does.
Outcome check_loss(const Registry& registry, const Backend& reference, const KnownValue& known) {
  Judgement judgement;
  const LossDef& def = registry.losses.at(known.op);
  Built built(registry.ops);
  const Value prediction = built.input("prediction", known.inputs[0], DType::quad);
  const Value target = built.input("target", known.inputs[1], target_spec(def, prediction.spec()).dtype);
  const Value loss =
      def.build(prediction, target, complete(def.fields, known.fields, "loss '" + def.name + "'"));
  compare(built, reference, known.outputs.front(), loss, {}, judgement);
  return judgement.outcome(known.source, kInQuad);
}

// Whose known values an optimizer has to give: an op that moves a parameter, and what the optimizer calls the
// op's moments.
struct UpdateOp {
  std::string_view op, optimizer;
  std::vector<std::string> slots;
};

const std::vector<UpdateOp>& update_ops() {
  static const std::vector<UpdateOp> kAll{
      {"sgd_update", "sgd", {}},
      {"sgd_momentum_update", "sgd", {"velocity"}},
      {"adam_update", "adam", {"first_moment", "second_moment"}},
      {"adamw_update", "adamw", {"first_moment", "second_moment"}},
      {"rmsprop_update", "rmsprop", {"mean_square"}},
      {"rmsprop_momentum_update", "rmsprop", {"mean_square", "velocity"}}};
  return kAll;
}

Outcome check_optimizer(const Registry& registry, const Backend& reference, const UpdateOp& op,
                        const KnownValue& known) {
  Judgement judgement;
  const OptimizerDef& def = registry.optimizers.at(op.optimizer);
  const Fields fields = complete(def.fields, known.fields, "optimizer '" + def.name + "'");
  Built built(registry.ops);
  GraphBuild build{
      .graph = built.graph, .updates = true, .dtype = DType::quad, .initializers = registry.initializers};
  const std::string name = fmt::format("{}.weight", kName);
  std::map<std::string, KnownTensor> successors{{name, known.outputs[0]}};
  const Value w = built.state(name, known.inputs[0]),
              g = built.input("gradient", known.inputs[1], DType::quad);
  UpdateBuilder builder(build, fields, name, w, g);
  def.update(builder);
  std::size_t next = 2;
  for (const std::string& slot : op.slots) {
    const std::string state = fmt::format("optimizer/{}/{}", slot, name);
    successors.emplace(state, known.outputs[next - 1]);
    built.bindings.emplace(state, tensor_of(known.inputs[next++], DType::quad));
  }
  built.bindings.emplace("learning_rate", tensor_of(known.inputs[next++], DType::quad));
  if (next < known.inputs.size()) built.bindings.emplace("step", tensor_of(known.inputs[next], DType::i32));
  compare(built, reference, {}, {}, successors, judgement);
  return judgement.outcome(known.source, kInQuad);
}

// The gradients of parameters, whose norm is 5, clipped to `clip`.
Outcome check_clipping(const Registry& registry, const Backend& reference, double clip,
                       const std::vector<KnownTensor>& gradients, const std::vector<KnownTensor>& known) {
  Judgement judgement;
  Built built(registry.ops);
  std::vector<Value> values;
  for (const KnownTensor& gradient : gradients)
    values.push_back(built.input(std::to_string(values.size()), gradient, DType::quad));
  const std::vector<Value> clipped = clip_by_global_norm(values, global_norm(values), clip);
  const Values got = evaluate(built.graph, reference, built.bindings);
  for (std::size_t i = 0; i < clipped.size(); ++i)
    judgement.equal(fmt::format("gradient {}", i), known[i], got.at(clipped[i].id()));
  return judgement.outcome(kPaper, kInQuad);
}

Outcome check_initializer(const Registry& registry, const KnownInitializer& known) {
  Judgement judgement;
  InitializerConfig config{.type = known.initializer, .fields = known.fields};
  const std::string name = fmt::format("{}.weight", kName);
  config = complete_initializer(registry.initializers, config, name, known.values.shape);
  const Tensor values =
      initial_value(registry.initializers, config, name, known.values.shape, known.fans, kSeed, DType::f64);
  std::vector<Quad> got;
  for (const double value : values.as<double>()) got.emplace_back(value);
  judgement.equal<float>("the first value", known.values, values.shape(), got);
  return judgement.outcome(known.source, kInDouble);
}

Outcome check_schedule(const Registry& registry, const KnownSchedule& known) {
  Judgement judgement;
  const ScheduleDef& def = registry.schedules.at(known.schedule);
  const Fields fields = complete(def.fields, known.fields, "schedule '" + def.name + "'");
  const Quad rate(scheduled_learning_rate(def, fields, known.base, known.progress));
  judgement.equal<float>(
      fmt::format("the learning rate at step {}, epoch {}", known.progress.step, known.progress.epoch),
      {Shape{}, known.rate}, Shape{}, {rate});
  return judgement.outcome(known.source, kInDouble);
}

class Verifier {
 public:
  Verifier(const Registry& registry, const ComponentsOptions& options)
      : registry_(registry),
        options_(options),
        selector_(options.select),
        reference_(registry.create_backend("reference", {}, 1)) {}

  Report run() {
    for (const KnownLayer& known : known_layers()) layer(known);
    for (const KnownValue& known : known_values()) {
      const OpDef* const op = registry_.ops.find(known.op);
      if (op != nullptr && op->activation) layer(layer_of(known));
      if (registry_.losses.find(known.op) != nullptr)
        judge("loss", known.op, DType::quad, "", [&] { return check_loss(registry_, *reference_, known); });
      for (const UpdateOp& update : update_ops()) {
        if (update.op != known.op) continue;
        judge("optimizer", update.optimizer, DType::quad, "",
              [&] { return check_optimizer(registry_, *reference_, update, known); });
      }
    }
    for (const auto& [name, entry] : registry_.optimizers.entries()) settings(name, entry.value);
    // A bias before a weight, and behind it; and what is short enough.
    const KnownTensor three{{2}, "3 0"}, four{{1, 1}, "4"};
    const KnownTensor short_three{{2}, "1.4999997000000599999880000024 0"},
        short_four{{1, 1}, "1.9999996000000799999840000032"};
    clipping(2.5, {three, four}, {short_three, short_four});
    clipping(2.5, {four, three}, {short_four, short_three});
    clipping(10.0, {three, four}, {three, four});
    for (const KnownInitializer& known : known_initializers())
      judge("initializer", known.initializer, DType::f32, "",
            [&] { return check_initializer(registry_, known); });
    for (const KnownSchedule& known : known_schedules())
      judge("schedule", known.schedule, DType::f32, "", [&] { return check_schedule(registry_, known); });
    unknown("layer", registry_.layers.names());
    unknown("loss", registry_.losses.names());
    unknown("optimizer", registry_.optimizers.names());
    unknown("initializer", registry_.initializers.names());
    unknown("schedule", registry_.schedules.names());
    return std::move(report_);
  }

 private:
  void layer(const KnownLayer& known) {
    in_its_mode(known);
    // Of one that drops or normalises it is known what it does then. Any other does the same.
    const bool other_then = std::ranges::any_of(known_layers(), [&](const KnownLayer& other) {
      return other.layer == known.layer && other.mode == Mode::inference;
    });
    if (other_then) return;
    KnownLayer evaluated = known;
    evaluated.mode = Mode::inference;
    in_its_mode(evaluated);
  }

  void in_its_mode(const KnownLayer& known) {
    judge("layer", known.layer, DType::quad, known.mode == Mode::training ? " in training" : " in inference",
          [&] { return check_layer(registry_, *reference_, known); });
  }

  void clipping(double clip, const std::vector<KnownTensor>& gradients,
                const std::vector<KnownTensor>& known) {
    judge("gradient", "clipping", DType::quad, "",
          [&] { return check_clipping(registry_, *reference_, clip, gradients, known); });
  }

  bool wanted(std::string_view kind, std::string_view name) const {
    return !options_.wanted || options_.wanted(kind, name);
  }

  Check check_of(std::string_view kind, std::string_view name, DType dtype,
                 const std::string& geometry) const {
    Check check;
    check.oracle = Oracle::known;
    check.subject = {fmt::format("{} {}", kind, name), {}, {}, dtype, geometry, {}, SubjectKind::component};
    return check;
  }

  void settings(const std::string& name, const OptimizerDef& def) {
    Check check = check_of("optimizer", name, DType::quad, "settings");
    check.oracle = Oracle::metamorphic;
    if (wanted("optimizer", name))
      file(std::move(check), [&] { return check_optimizer_settings(registry_, def); });
  }

  template <class F>
  void judge(std::string_view kind, std::string_view name, DType dtype, const std::string& where, F judge) {
    const int number = ++known_[fmt::format("{} {}", kind, name)];
    if (!wanted(kind, name)) return;
    file(check_of(kind, name, dtype, fmt::format("known value {}{}", number, where)), judge);
  }

  void file(Check check, const std::function<Outcome()>& judge) {
    const std::string id = check.id();
    if (!selector_.matches(id)) return;
    check.judge(judge);
    if (check.status == Status::failed) check.reproduce = fmt::format("{} -k '={}'", options_.command, id);
    report_.add(std::move(check));
  }

  // What a plugin brings, mostly.
  void unknown(std::string_view kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (known_.contains(fmt::format("{} {}", kind, name)) || !wanted(kind, name)) continue;
      Check check = check_of(kind, name, DType::quad, "known value");
      if (!selector_.matches(check.id())) continue;
      check.status = Status::skipped;
      check.detail = "no value of it is known; its ops are judged apart";
      report_.add(std::move(check));
    }
  }

  const Registry& registry_;
  const ComponentsOptions& options_;
  const Selector selector_;
  const std::unique_ptr<Backend> reference_;
  std::map<std::string, int> known_;  // how many values, by kind and name
  Report report_;
};

}  // namespace

Report verify_components(const Registry& registry, const ComponentsOptions& options) {
  return Verifier(registry, options).run();
}

}  // namespace assay::verify
