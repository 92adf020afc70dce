#include "assay/experiment/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "assay/core/utf8.h"
#include "assay/experiment/read_fields.h"
#include "assay/experiment/yaml_parser.h"

namespace assay {
namespace {

struct Step {
  std::string name;
  bool element = false;  // [name] rather than .name
  std::size_t begin = 0, end = 0;
};

class Override {
 public:
  explicit Override(std::string_view assignment)
      : source_(std::make_shared<SourceText>(fmt::format("--set {}", shortened(assignment, 200)),
                                             std::filesystem::path("."), std::string(assignment))) {
    const std::string_view text = source_->text();
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      fail(0, text.size(), "an override has the form KEY=VALUE",
           "for example: --set optimizer.learning_rate=0.01");
    }
    parse_path(text.substr(0, equals));
    if (equals + 1 == text.size())
      fail(equals, text.size(), "the override has no value", "write '' for an empty text");
    Diagnostics diagnostics;
    auto value = parse_yaml(source_, diagnostics, equals + 1);
    diagnostics.throw_if_any();
    value_ = std::move(*value);
  }

  Override(const ConfigNode& path, ConfigNode value) : value_(std::move(value)) {
    if (path.source() == nullptr) {
      source_ = std::make_shared<SourceText>(path.text(), std::filesystem::path("."), path.text());
    } else {
      source_ = path.source();
      base_ = path.source_begin() + (path.quoted() ? 1 : 0);
    }
    parse_path(path.text());
  }

  void apply(ConfigNode& root) {
    ConfigNode* node = &root;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const bool last = i + 1 == steps_.size();
      node = steps_[i].element ? &element(*node, steps_[i]) : &member(*node, steps_[i], last);
      if (last) *node = value_;
    }
  }

 private:
  [[noreturn]] void fail(std::size_t begin, std::size_t end, const std::string& message,
                         const std::string& help = "") const {
    throw Error(message).at(source_->range(base_ + begin, base_ + std::max(end, begin + 1))).help(help);
  }

  void parse_path(std::string_view path) {
    for (std::size_t i = 0; i < path.size();) {
      Step step;
      if (path[i] == '[') {
        const std::size_t close = path.find(']', i);
        if (close == std::string_view::npos) fail(i, path.size(), "'[' is not closed");
        step = {std::string(path.substr(i + 1, close - i - 1)), true, i + 1, close};
        i = close + 1;
        if (i < path.size() && path[i] == '.') ++i;
      } else {
        const std::size_t stop = std::min(path.find_first_of(".[", i), path.size());
        step = {std::string(path.substr(i, stop - i)), false, i, stop};
        i = stop < path.size() && path[stop] == '.' ? stop + 1 : stop;
        if (stop + 1 == path.size() && path[stop] == '.') fail(stop, path.size(), "the path ends in '.'");
      }
      if (step.name.empty()) fail(step.begin, step.end, "the path has an empty name");
      steps_.push_back(std::move(step));
    }
    if (steps_.size() > ConfigNode::kMaxDepth) fail(0, path.size(), "the path is too deep");
  }

  ConfigNode& member(ConfigNode& node, const Step& step, bool last) const {
    if (!node.is_map()) {
      if (!node.is_null()) {
        fail(step.begin, step.end, fmt::format("{} has no key {}", describe(node), in_quotes(step.name)),
             node.is_sequence() ? "choose an element of a list by [name] or [index]" : "");
      }
      node = ConfigNode::map();
    }
    if (ConfigNode* value = node.find(step.name)) return *value;
    ConfigNode key = placed(ConfigNode::text(step.name), step);
    return node.append(std::move(key), placed(last ? ConfigNode() : ConfigNode::map(), step));
  }

  ConfigNode placed(ConfigNode node, const Step& step) const {
    node.set_place(source_, base_ + step.begin, base_ + step.end);
    return node;
  }

  ConfigNode& element(ConfigNode& node, const Step& step) const {
    if (!node.is_sequence()) fail(step.begin, step.end, fmt::format("{} has no elements", describe(node)));
    std::vector<std::string> names;
    for (ConfigNode& item : node.items()) {
      const ConfigNode* name = item.find("name");
      if (name == nullptr || !name->is_scalar()) continue;
      if (name->text() == step.name) return item;
      names.push_back(name->text());
    }
    std::size_t index = 0;
    const auto [end, failure] = std::from_chars(step.name.data(), step.name.data() + step.name.size(), index);
    if (failure != std::errc() || end != step.name.data() + step.name.size()) {
      fail(step.begin, step.end, fmt::format("no element is named {}", in_quotes(step.name)),
           suggestion("name", step.name, names));
    }
    if (index >= node.items().size()) {
      fail(step.begin, step.end,
           fmt::format("the list has {} elements, and {} is no index of it", node.items().size(), index));
    }
    return node.items()[index];
  }

  std::shared_ptr<const SourceText> source_;
  std::size_t base_ = 0;  // where the path stands in the source
  std::vector<Step> steps_;
  ConfigNode value_;
};

ConfigNode load_chain(const std::filesystem::path& path, std::vector<std::filesystem::path>& chain,
                      const ConfigNode* named_by) {
  const std::filesystem::path identity = std::filesystem::weakly_canonical(path);
  if (std::ranges::find(chain, identity) != chain.end()) {
    std::string text;
    for (const auto& link : chain) text += link.filename().string() + " → ";
    Error error(fmt::format("'extends' runs in a circle: {}{}", text, identity.filename().string()));
    if (named_by != nullptr && named_by->where()) error.at(*named_by->where());
    throw error;
  }
  chain.push_back(identity);
  Diagnostics diagnostics;
  const auto source = read_source(path, diagnostics, named_by != nullptr ? named_by->where() : std::nullopt);
  diagnostics.throw_if_any();
  auto parsed = parse_yaml(source, diagnostics);
  diagnostics.throw_if_any();
  ConfigNode own = std::move(*parsed);
  const ConfigNode* extends = own.find("extends");
  if (extends != nullptr) {
    read_texts(*extends, diagnostics, "'extends'");
    diagnostics.throw_if_any();
    ConfigNode base = ConfigNode::map();
    std::vector<const ConfigNode*> names;
    if (extends->is_scalar()) names.push_back(extends);
    for (const ConfigNode& item : extends->items()) names.push_back(&item);
    for (const ConfigNode* name : names) base = merged(base, load_chain(resolve_path(*name), chain, name));
    own.erase("extends");
    own = merged(base, own);
  }
  chain.pop_back();
  return own;
}

}  // namespace

void apply_override(ConfigNode& root, std::string_view assignment) { Override(assignment).apply(root); }

void apply_override(ConfigNode& root, const ConfigNode& path, const ConfigNode& value) {
  Override(path, value).apply(root);
}

ConfigNode merged(const ConfigNode& base, const ConfigNode& derived) {
  if (!base.is_map() || !derived.is_map()) return derived;
  const ConfigNode* old_type = base.find("type");
  const ConfigNode* new_type = derived.find("type");
  if (old_type != nullptr && new_type != nullptr && !(*old_type == *new_type)) return derived;
  ConfigNode result = base;
  for (const ConfigNode::Entry& entry : derived.entries()) {
    if (ConfigNode* known = result.find(entry.key.text())) {
      *known = merged(*known, entry.value);
    } else {
      result.append(entry.key, entry.value);
    }
  }
  return result;
}

ConfigNode load_extended(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> chain;
  return load_chain(path, chain, nullptr);
}

}  // namespace assay
