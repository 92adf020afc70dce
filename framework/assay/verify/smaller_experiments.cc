// The steps by which a failing experiment shrinks.
#include <charconv>

#include "assay/verify/random_experiment.h"

namespace assay::verify {
namespace {

bool is_structure(std::string_view key) {
  return key == "type" || key == "name" || key == "inputs" || key == "layers";
}

// Whoever reads `name` reads `instead`.
void rename_inputs(ConfigNode& layers, std::string_view name, const std::string& instead) {
  for (ConfigNode& layer : layers.items()) {
    if (ConfigNode* inputs = layer.find("inputs")) {
      for (ConfigNode& input : inputs->items()) {
        if (input.text() == name) input = ConfigNode::text(instead);
      }
    }
    if (ConfigNode* inner = layer.find("layers")) rename_inputs(*inner, name, instead);
  }
}

// Visits every list of layers; `above` is what its first layer reads.
template <class F>
void for_each_list(ConfigNode& layers, F visit) {
  visit(layers);
  for (ConfigNode& layer : layers.items()) {
    if (ConfigNode* inner = layer.find("layers")) for_each_list(*inner, visit);
  }
}

class Steps {
 public:
  explicit Steps(const RandomExperiment& from) : from_(from) {}

  std::vector<RandomExperiment> all() {
    fewer_layers();
    for (const std::int64_t rows : {from_.rows / 2, from_.rows - 1}) {
      if (rows < 1 || rows == from_.rows) continue;
      RandomExperiment candidate = from_;
      candidate.rows = rows;
      steps_.push_back(std::move(candidate));
    }
    plainer_component("loss", "half_squared_error");
    plainer_component("optimizer", "sgd");
    fewer_settings();
    smaller_numbers();
    return std::move(steps_);
  }

 private:
  static ConfigNode& layers_of(RandomExperiment& experiment) {
    return *experiment.root.find("model")->find("layers");
  }

  // Without each layer in turn, and with each block's layers in the place of the block.
  void fewer_layers() {
    RandomExperiment counted = from_;
    std::vector<std::size_t> sizes;
    for_each_list(layers_of(counted), [&](ConfigNode& list) { sizes.push_back(list.items().size()); });
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      for (std::size_t i = 0; i < sizes[l]; ++i) {
        for (const bool unwrap : {false, true}) {
          RandomExperiment candidate = from_;
          if (drop_layer(layers_of(candidate), l, i, unwrap)) steps_.push_back(std::move(candidate));
        }
      }
    }
  }

  static bool drop_layer(ConfigNode& all, std::size_t which_list, std::size_t which, bool unwrap) {
    std::size_t seen = 0;
    bool done = false;
    std::string name, instead = "input";
    for_each_list(all, [&](ConfigNode& list) {
      if (seen++ != which_list || done) return;
      const ConfigNode layer = list.items()[which];
      const ConfigNode* const inner = layer.find("layers");
      if (unwrap && inner == nullptr) return;
      name = layer.find("name")->text();
      if (const ConfigNode* inputs = layer.find("inputs")) {
        instead = inputs->items().front().text();
      } else if (which > 0) {
        instead = list.items()[which - 1].find("name")->text();
      }
      ConfigNode rest = ConfigNode::sequence();
      for (std::size_t i = 0; i < list.items().size(); ++i) {
        if (i != which) {
          rest.push_back(list.items()[i]);
        } else if (unwrap) {
          for (const ConfigNode& node : inner->items()) rest.push_back(node);
          if (!inner->items().empty()) instead = inner->items().back().find("name")->text();
        }
      }
      list = std::move(rest);
      done = true;
    });
    if (done) rename_inputs(all, name, instead);
    return done;
  }

  void plainer_component(const char* key, const char* type) {
    if (from_.root.find(key)->find("type")->text() == type) return;
    RandomExperiment candidate = from_;
    ConfigNode plain = ConfigNode::map();
    plain.set("type", ConfigNode::text(type));
    candidate.root.set(key, std::move(plain));
    steps_.push_back(std::move(candidate));
  }

  // Calls f(path) for every layer's, the loss's and the optimizer's map; a path is found again in a copy.
  std::vector<ConfigNode*> maps_of(RandomExperiment& experiment) {
    std::vector<ConfigNode*> maps{experiment.root.find("loss"), experiment.root.find("optimizer")};
    for_each_list(layers_of(experiment), [&](ConfigNode& list) {
      for (ConfigNode& layer : list.items()) maps.push_back(&layer);
    });
    return maps;
  }

  void fewer_settings() {
    RandomExperiment counted = from_;
    const std::vector<ConfigNode*> maps = maps_of(counted);
    for (std::size_t m = 0; m < maps.size(); ++m) {
      for (const ConfigNode::Entry& entry : maps[m]->entries()) {
        const std::string& key = entry.key.text();
        const bool long_merge = key == "inputs" && entry.value.items().size() > 2;
        if (is_structure(key) && !long_merge) continue;
        RandomExperiment candidate = from_;
        ConfigNode& map = *maps_of(candidate)[m];
        if (long_merge) {
          ConfigNode inputs = ConfigNode::sequence();
          for (std::size_t i = 0; i + 1 < entry.value.items().size(); ++i)
            inputs.push_back(entry.value.items()[i]);
          map.set(key, std::move(inputs));
        } else {
          map.erase(key);
        }
        steps_.push_back(std::move(candidate));
      }
    }
  }

  static std::vector<ConfigNode*> integers_of(ConfigNode& node) {
    std::vector<ConfigNode*> found;
    if (node.is_scalar() && node.scalar_type() == ScalarType::integer) found.push_back(&node);
    for (ConfigNode& item : node.items()) {
      for (ConfigNode* scalar : integers_of(item)) found.push_back(scalar);
    }
    for (ConfigNode::Entry& entry : node.entries()) {
      for (ConfigNode* scalar : integers_of(entry.value)) found.push_back(scalar);
    }
    return found;
  }

  // Extents of the input, units, filters, kernels: one, half, or one less.
  void smaller_numbers() {
    RandomExperiment counted = from_;
    const std::vector<ConfigNode*> numbers = integers_of(*counted.root.find("model"));
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      std::int64_t value = 0;
      const std::string& text = numbers[n]->text();
      if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc() || value < 2)
        continue;
      std::int64_t before = value;
      for (const std::int64_t less : {std::int64_t{1}, value / 2, value - 1}) {
        if (less == before) continue;
        before = less;
        RandomExperiment candidate = from_;
        *integers_of(*candidate.root.find("model"))[n] = ConfigNode::integer(less);
        steps_.push_back(std::move(candidate));
      }
    }
  }

  const RandomExperiment& from_;
  std::vector<RandomExperiment> steps_;
};

}  // namespace

std::vector<RandomExperiment> smaller(const RandomExperiment& experiment) { return Steps(experiment).all(); }

}  // namespace assay::verify
