#include "assay/verify/random_experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "assay/core/error.h"
#include "assay/core/random.h"
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/plugins.h"
#include "assay/experiment/yaml_parser.h"
#include "assay/layers/model.h"

namespace assay::verify {
namespace {

// Numbers from a stream, one after another.
class Dice {
 public:
  explicit Dice(RandomStream stream) : stream_(stream) {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + random_below(stream_, 0, 0, next_++, static_cast<std::uint32_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  double uniform(double low, double high) {
    return low + (high - low) * random_uniform(stream_, 0, 0, next_++);
  }
  double normal() { return random_normal(stream_, 0, 0, next_++); }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }

 private:
  RandomStream stream_;
  std::uint32_t next_ = 0;
};

// Three decimals: files stay readable, and the values still fill mantissas.
ConfigNode decimal(double x) { return ConfigNode::number(std::round(x * 1000) / 1000); }

ConfigNode integers(std::span<const std::int64_t> values) {
  ConfigNode list = ConfigNode::sequence();
  for (const std::int64_t value : values) list.push_back(ConfigNode::integer(value));
  return list;
}

ConfigNode typed(const std::string& type) {
  ConfigNode node = ConfigNode::map();
  node.set("type", ConfigNode::text(type));
  return node;
}

// A file that says everything but what the data are.
Experiment read_without_data(ConfigNode root, const Registry& registry) {
  root.set("data", typed("xor"));
  root.set("train", ConfigNode::map());
  return read_experiment(parse_yaml(emit_yaml(root), "graph.yaml"), "graph.yaml", registry);
}

std::optional<Model> model_of(const ConfigNode& root, const Registry& registry) {
  try {
    const Experiment experiment = read_without_data(root, registry);
    return Model(registry, experiment.model, experiment.loss, experiment.optimizer);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// A value of a field; `sample` is what comes in.
ConfigNode value_of(const FieldDef& field, const Shape& sample, Dice& dice) {
  const auto low = static_cast<std::int64_t>(std::max(field.minimum, -3.0));
  const auto high = static_cast<std::int64_t>(std::min(field.maximum, std::max(field.minimum, 0.0) + 5));
  switch (field.kind) {
    case FieldKind::boolean:
      return ConfigNode::boolean(dice.chance(50));
    case FieldKind::integer:
      return ConfigNode::integer(dice.between(low, high));
    case FieldKind::number: {
      // Near the default and within its range: a rate near 1 or a huge slope says little about a derivative.
      const double* const usual = std::get_if<double>(&field.fallback);
      const double middle = usual != nullptr && *usual != 0 ? *usual : 0.2;
      const double value = middle * dice.uniform(0.5, 1.5);
      const double held = std::clamp(value, std::max(field.minimum, -2.0), std::min(field.maximum, 0.999));
      return ConfigNode::number(
          std::stod(fmt::format("{:.3g}", usual != nullptr && *usual > 1 ? value : held)));
    }
    case FieldKind::choice:
      return ConfigNode::text(dice.pick(field.choices));
    case FieldKind::pair: {
      const std::int64_t both[] = {dice.between(1, 3), dice.between(1, 3)};
      return dice.chance(50) ? ConfigNode::integer(both[0]) : integers(both);
    }
    case FieldKind::padding: {
      if (dice.chance(60)) return ConfigNode::text(dice.chance(60) ? "same" : "valid");
      const std::int64_t sides[] = {dice.between(0, 2), dice.between(0, 1), dice.between(0, 1),
                                    dice.between(0, 2)};
      return integers(sides);
    }
    case FieldKind::integers: {
      if (dice.chance(40)) return integers(std::vector<std::int64_t>{-1});
      std::vector<std::int64_t> shape(sample.extents().begin(), sample.extents().end());
      if (dice.chance(50)) std::ranges::reverse(shape);
      if (dice.chance(50)) shape.push_back(1);
      return integers(shape);
    }
    default:
      return ConfigNode();
  }
}

void add_fields(ConfigNode& node, std::span<const FieldDef> fields, const Shape& sample, Dice& dice) {
  for (const FieldDef& field : fields) {
    if (!field.required && dice.chance(55)) continue;
    ConfigNode value = value_of(field, sample, dice);
    if (!value.is_null()) node.set(field.name, std::move(value));
  }
}

// Grows a model layer by layer; what does not fit is thrown away.
class Grower {
 public:
  Grower(const Registry& registry, Dice& dice, ConfigNode root)
      : registry_(registry), dice_(dice), root_(std::move(root)) {
    std::vector<std::int64_t> extents;
    for (const ConfigNode& extent : root_.find("model")->find("input")->items())
      extents.push_back(std::stoll(extent.text()));
    shape_ = Shape(extents);
    for (const auto& [name, entry] : registry.layers.entries()) {
      const LayerDef& def = entry.value;
      if (!def.index_limit.empty()) {
        embeddings_.push_back(&def);
      } else if (def.merges) {
        merges_.push_back(&def);
      } else if (def.nested) {
        blocks_.push_back(&def);
      } else {
        const OpDef* const op = registry.ops.find(name);
        (op != nullptr && op->activation ? activations_ : simple_).push_back(&def);
      }
    }
  }

  ConfigNode grow(std::int64_t steps) {
    if (dice_.chance(12) && !embeddings_.empty()) {
      for (int attempts = 0; attempts < 5 && !try_layers({layer(*dice_.pick(embeddings_))}); ++attempts) {
      }
    }
    for (int attempts = 0; steps > 0 && attempts < 60; ++attempts) {
      const std::int64_t kind = dice_.between(1, 10);
      const bool grown = kind <= 6 ? try_layers({simple_layer()}) : kind <= 8 ? try_branch() : try_block();
      steps -= grown ? 1 : 0;
    }
    // Something is trained, and it is the last.
    if (!try_layers({layer(registry_.layers.at("dense"))})) {
      try_layers({typed_layer("flatten"), layer(registry_.layers.at("dense"))});
    }
    return std::move(root_);
  }

 private:
  ConfigNode typed_layer(const std::string& type) {
    ConfigNode node = typed(type);
    node.set("name", ConfigNode::text(fmt::format("l{}", ++named_)));
    return node;
  }
  ConfigNode layer(const LayerDef& def) {
    ConfigNode node = typed_layer(def.name);
    add_fields(node, def.fields, shape_, dice_);
    return node;
  }
  // There are many activations, and they fit everywhere: the other layers are to have their share.
  ConfigNode simple_layer() { return layer(*dice_.pick(dice_.chance(30) ? activations_ : simple_)); }

  // Appends the layers, if the model holds together with them.
  bool try_layers(std::vector<ConfigNode> layers) {
    ConfigNode candidate = root_;
    ConfigNode& list = *candidate.find("model")->find("layers");
    for (ConfigNode& node : layers) list.push_back(std::move(node));
    const std::optional<Model> model = model_of(candidate, registry_);
    if (!model || model->layers().back().output.count() > 400 || model->parameter_count() > 3000)
      return false;
    shape_ = model->layers().back().output;
    readable_.clear();
    for (const LayerInfo& info : model->layers()) {
      if (info.depth == 0) readable_.push_back(info.name);
    }
    root_ = std::move(candidate);
    return true;
  }

  // A second way to here from a layer above, and a merge of the two.
  bool try_branch() {
    if (readable_.empty() || merges_.empty()) return false;
    std::vector<ConfigNode> layers;
    const std::string from = dice_.chance(25) ? "input" : dice_.pick(readable_);
    std::string other = from;
    if (dice_.chance(60)) {
      ConfigNode branch = simple_layer();
      branch.set("inputs", ConfigNode::sequence({ConfigNode::text(from)}));
      other = branch.find("name")->text();
      layers.push_back(std::move(branch));
    }
    ConfigNode merge = layer(*dice_.pick(merges_));
    std::vector<ConfigNode> inputs{ConfigNode::text(readable_.back()), ConfigNode::text(other)};
    if (dice_.chance(20)) inputs.push_back(ConfigNode::text(dice_.pick(readable_)));
    merge.set("inputs", ConfigNode::sequence(std::move(inputs)));
    layers.push_back(std::move(merge));
    return try_layers(std::move(layers));
  }

  // A block of one to three layers; the last restores the shape where it can.
  bool try_block() {
    if (blocks_.empty()) return false;
    ConfigNode block = layer(*dice_.pick(blocks_));
    ConfigNode inner = ConfigNode::sequence();
    for (std::int64_t n = dice_.between(0, 2); n > 0; --n) inner.push_back(simple_layer());
    if (shape_.rank() == 3 && dice_.chance(60)) {
      ConfigNode conv = typed_layer("conv2d");
      conv.set("filters", ConfigNode::integer(shape_[0]));
      conv.set("kernel", ConfigNode::integer(dice_.between(1, 3)));
      conv.set("padding", ConfigNode::text("same"));
      inner.push_back(std::move(conv));
    } else {
      ConfigNode dense = typed_layer("dense");
      dense.set("units", ConfigNode::integer(shape_.rank() > 0 ? shape_[-1] : 1));
      inner.push_back(std::move(dense));
    }
    block.set("layers", std::move(inner));
    return try_layers({std::move(block)});
  }

  const Registry& registry_;
  Dice& dice_;
  ConfigNode root_;
  int named_ = 0;
  Shape shape_;                        // of a sample, so far
  std::vector<std::string> readable_;  // layers that one below may name
  std::vector<const LayerDef*> simple_, activations_, merges_, blocks_, embeddings_;
};

Shape random_sample_shape(Dice& dice) {
  switch (dice.between(1, 5)) {
    case 1:
    case 2:
      return Shape{dice.between(1, 9)};
    case 3:
      return Shape{dice.between(1, 4), dice.between(1, 5)};
    default:
      return Shape{dice.between(1, 4), dice.between(1, 7), dice.between(1, 7)};
  }
}

// Nested lists of numbers of this shape.
template <class F>
ConfigNode nested(std::span<const std::int64_t> extents, F& number) {
  if (extents.empty()) return number();
  ConfigNode list = ConfigNode::sequence();
  for (std::int64_t i = 0; i < extents[0]; ++i) list.push_back(nested(extents.subspan(1), number));
  return list;
}

ConfigNode data_of(const Model& model, std::int64_t rows, std::uint64_t seed) {
  Dice dice({seed, stream_id("verify/graphs/data")});
  const auto index = [&dice](std::int64_t limit) {
    return [&dice, limit] { return ConfigNode::integer(dice.between(0, limit - 1)); };
  };
  const auto input = [&dice] { return decimal(dice.normal()); };
  const auto target = [&dice] {
    return decimal(dice.uniform(0, 1));
  };  // a probability, for losses that want one
  const Spec x = model.input_spec(rows, DType::f64), y = model.target_spec(rows, DType::f64);
  ConfigNode data = typed("inline");
  if (model.index_limit()) {
    const auto number = index(*model.index_limit());
    data.set("x", nested(x.shape.extents(), number));
  } else {
    data.set("x", nested(x.shape.extents(), input));
  }
  if (is_real(y.dtype)) {
    data.set("y", nested(y.shape.extents(), target));
  } else {
    const auto number = index(model.prediction_spec(rows, DType::f64).shape[1]);
    data.set("y", nested(y.shape.extents(), number));
  }
  return data;
}

std::string summary_of_layers(const ConfigNode& layers) {
  std::string text;
  for (const ConfigNode& layer : layers.items()) {
    text += (text.empty() ? "" : " ") + layer.find("type")->text();
    if (const ConfigNode* inner = layer.find("layers"))
      text += fmt::format("({})", summary_of_layers(*inner));
  }
  return text;
}

}  // namespace

RandomExperiment random_experiment(const Registry& registry, std::uint64_t seed, std::int64_t index) {
  Dice dice({seed, stream_id(fmt::format("verify/graphs/{}", index))});
  RandomExperiment made{ConfigNode::map(), dice.between(2, 5), seed + static_cast<std::uint64_t>(index)};
  const Shape sample = random_sample_shape(dice);
  ConfigNode& root = made.root;
  root.set("assay", ConfigNode::integer(1));
  root.set("name", ConfigNode::text(fmt::format("graph_{}_{}", seed, index)));
  root.set("seeds", ConfigNode::sequence({ConfigNode::integer(index)}));
  ConfigNode model = ConfigNode::map();
  model.set("input", integers(sample.extents()));
  model.set("layers", ConfigNode::sequence());
  root.set("model", std::move(model));
  root.set("loss", typed("half_squared_error"));
  root.set("optimizer", typed("sgd"));
  root = Grower(registry, dice, std::move(root)).grow(dice.between(0, 5));

  // A loss and an optimizer that fit; what stands there does.
  for (int attempt = 0; attempt < 5; ++attempt) {
    ConfigNode candidate = root;
    const LossDef& loss = registry.losses.at(dice.pick(registry.losses.names()));
    const OptimizerDef& optimizer = registry.optimizers.at(dice.pick(registry.optimizers.names()));
    ConfigNode& loss_node = candidate.set("loss", typed(loss.name));
    add_fields(loss_node, loss.fields, sample, dice);
    ConfigNode& optimizer_node = candidate.set("optimizer", typed(optimizer.name));
    add_fields(optimizer_node, optimizer.fields, sample, dice);
    if (!model_of(candidate, registry)) continue;
    root = std::move(candidate);
    break;
  }
  return made;
}

std::optional<std::string> file_of(const RandomExperiment& experiment, const Registry& registry) {
  const std::optional<Model> model = model_of(experiment.root, registry);
  if (!model) return std::nullopt;
  ConfigNode root = experiment.root;
  root.set("data", data_of(*model, experiment.rows, experiment.seed));
  ConfigNode train = ConfigNode::map();
  train.set("batch_size", ConfigNode::integer(experiment.rows));
  root.set("train", std::move(train));
  if (!registry.plugins.empty()) root.set("plugins", plugins_node(registry));
  return emit_yaml(root);
}

std::string summary_of(const RandomExperiment& experiment) {
  const ConfigNode& root = experiment.root;
  return fmt::format("{}, {}, {}", summary_of_layers(*root.find("model")->find("layers")),
                     root.find("loss")->find("type")->text(), root.find("optimizer")->find("type")->text());
}

}  // namespace assay::verify
