#include "assay/layers/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "assay/core/error.h"

namespace assay {
namespace {

constexpr std::string_view kInputName = "input";

bool is_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && std::ranges::all_of(name, allowed);
}

class Resolver {
 public:
  explicit Resolver(const LayerTable& table) : table_(table) {}

  std::vector<ResolvedLayer> run(std::span<const LayerConfig> layers) {
    if (layers.empty())
      report(Error("the model has no layers").help("give at least one, such as {type: dense, units: 1}"), {});
    give_names(layers);
    place(layers, ResolvedLayer::kModelInput, 0);
    if (findings_.empty()) report_unread();
    if (!findings_.empty()) throw Error(std::move(findings_));
    return std::move(placed_);
  }

 private:
  void report(const Error& error, const std::optional<SourceRange>& where) {
    for (Diagnostic finding : error.diagnostics()) {
      if (!finding.where) finding.where = where;
      findings_.push_back(std::move(finding));
    }
  }

  // In the order of the file, a block before its contents.
  void give_names(std::span<const LayerConfig> layers) {
    for (const LayerConfig& config : layers) {
      const int position = ++count_by_type_[config.type];
      std::string name = config.name.empty() ? fmt::format("{}{}", config.type, position) : config.name;
      if (!is_name(name)) {
        report(Error(fmt::format("'{}' cannot name a layer", name))
                   .help("use letters, digits, '_', '-' and '.'"),
               config.where);
      } else if (name == kInputName) {
        report(Error("a layer cannot be named 'input'").note("'input' is the model's input"), config.where);
      } else if (std::ranges::find(names_, name) != names_.end()) {
        Error error(fmt::format("two layers are named '{}'", name));
        if (config.name.empty()) {
          error.note(fmt::format("the one without a name is number {} of type '{}'", position, config.type));
        }
        report(error.help("give one of them another name"), config.where);
      }
      names_.push_back(name);
      name_by_config_[&config] = std::move(name);
      give_names(config.layers);
    }
  }

  // Returns the position of the last layer, or `above` where there is none.
  int place(std::span<const LayerConfig> layers, int above, int depth) {
    for (const LayerConfig& config : layers) {
      ResolvedLayer layer;
      layer.name = name_by_config_[&config];
      layer.init = config.init;
      layer.depth = depth;
      layer.where = config.where;
      try {
        layer.def = &table_.at(config.type);
        layer.fields = complete(layer.def->fields, config.fields, fmt::format("layer '{}'", config.type));
      } catch (const Error& error) {
        report(error, config.where);
      }
      layer.inputs = find_inputs(config, layer, above);
      if (layer.def != nullptr) check_block(config, layer);
      if (!config.layers.empty()) {
        const int block = place(config.layers, layer.inputs.front(), depth + 1);
        layer.inputs.push_back(block);
      }
      placed_.push_back(std::move(layer));
      above = static_cast<int>(placed_.size()) - 1;
    }
    return above;
  }

  std::vector<int> find_inputs(const LayerConfig& config, const ResolvedLayer& layer, int above) {
    std::vector<int> inputs;
    for (const std::string& name : config.inputs) inputs.push_back(find_input(name, layer));
    if (inputs.empty()) inputs.push_back(above);
    if (layer.def == nullptr) return inputs;
    if (!layer.def->merges && inputs.size() > 1) {
      report(Error(fmt::format("layer '{}' ({}) reads one input, but {} are named: {}", layer.name,
                               config.type, inputs.size(), join(config.inputs)))
                 .help("bring them together first with add, multiply or concat"),
             config.where);
    }
    if (layer.def->merges && inputs.size() < 2) {
      report(Error(fmt::format("layer '{}' ({}) reads two or more inputs, but one is given", layer.name,
                               config.type))
                 .help("name them: inputs: [FIRST, SECOND]"),
             config.where);
    }
    return inputs;
  }

  int find_input(const std::string& name, const ResolvedLayer& layer) {
    if (name == kInputName) return ResolvedLayer::kModelInput;
    std::vector<std::string> above{std::string(kInputName)};
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      if (placed_[i].name == name) return static_cast<int>(i);
      above.push_back(placed_[i].name);
    }
    if (std::ranges::find(names_, name) != names_.end()) {
      report(Error(fmt::format("layer '{}' reads '{}', which does not stand above it", layer.name, name))
                 .help("layers above it: " + join(above)),
             layer.where);
    } else {
      report(Error(fmt::format("layer '{}' reads '{}', but no layer has that name", layer.name, name))
                 .help(suggestion("layer", name, above)),
             layer.where);
    }
    return ResolvedLayer::kModelInput;
  }

  void check_block(const LayerConfig& config, const ResolvedLayer& layer) {
    if (layer.def->nested && config.layers.empty()) {
      report(Error(fmt::format("layer '{}' ({}) holds no layers", layer.name, config.type))
                 .help("give its block: layers: [...]"),
             config.where);
    }
    if (!layer.def->nested && !config.layers.empty()) {
      report(Error(fmt::format("layer '{}' ({}) cannot hold layers", layer.name, config.type))
                 .help("a block of layers stands in a residual layer"),
             config.where);
    }
  }

  // A layer that nothing reads would never be trained: a forgotten `inputs`, most likely.
  void report_unread() {
    std::vector<char> is_read(placed_.size(), 0);
    is_read.back() = 1;
    for (std::size_t i = placed_.size(); i-- > 0;) {
      if (!is_read[i]) {
        report(Error(fmt::format("nothing reads the output of layer '{}'", placed_[i].name))
                   .help(fmt::format(
                       "name it in the inputs of a layer below, or remove it; the model's output is that "
                       "of its last layer, '{}'",
                       placed_.back().name)),
               placed_[i].where);
      }
      for (const int input : placed_[i].inputs) {
        if (input != ResolvedLayer::kModelInput) is_read[static_cast<std::size_t>(input)] = 1;
      }
    }
  }

  const LayerTable& table_;
  std::map<std::string, int> count_by_type_;
  std::vector<std::string> names_;
  std::map<const LayerConfig*, std::string> name_by_config_;  // looked up, never iterated
  std::vector<ResolvedLayer> placed_;
  std::vector<Diagnostic> findings_;
};

}  // namespace

std::vector<ResolvedLayer> resolve_layers(std::span<const LayerConfig> layers, const LayerTable& table) {
  return Resolver(table).run(layers);
}

}  // namespace assay
