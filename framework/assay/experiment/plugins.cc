#include "assay/experiment/plugins.h"

#include <fmt/format.h>

#include "assay/core/diagnostics.h"
#include "assay/experiment/read_fields.h"
#include "assay/experiment/source_text.h"
#include "assay/registry/plugin_loader.h"

namespace assay {
namespace {

// One element of the list. What is empty was not said.
struct PluginConfig {
  std::filesystem::path path;
  std::string name;
  std::string version;
  std::string sha256;
};

std::string text_or_empty(const ConfigNode* node, Diagnostics& diagnostics, std::string_view what) {
  return node == nullptr ? "" : read_text(*node, diagnostics, what).value_or("");
}

std::optional<PluginConfig> read_plugin(const ConfigNode& node, Diagnostics& diagnostics) {
  PluginConfig config;
  const ConfigNode* path = &node;
  if (node.is_map()) {
    MapReader reader(node, diagnostics, "a plugin");
    path = reader.required("path");
    config.name = text_or_empty(reader.optional("name"), diagnostics, "'name'");
    config.version = text_or_empty(reader.optional("version"), diagnostics, "'version'");
    config.sha256 = text_or_empty(reader.optional("sha256"), diagnostics, "'sha256'");
    reader.finish();
  }
  if (path == nullptr) return std::nullopt;
  const auto text = read_text(*path, diagnostics, "a plugin");
  if (!text) return std::nullopt;
  config.path = find_plugin(*text, path->source() == nullptr ? "" : path->source()->folder());
  return config;
}

// Throws Error where the plugin is not the one that the experiment was run with.
void require_recorded(const PluginConfig& config, const PluginRecord& loaded) {
  const bool same = (config.name.empty() || config.name == loaded.name) &&
                    (config.version.empty() || config.version == loaded.version) &&
                    (config.sha256.empty() || config.sha256 == loaded.sha256);
  if (same) return;
  throw Error(fmt::format("'{}' is not the plugin that the experiment names", loaded.file))
      .help("to use it nevertheless, give its path alone")
      .note(fmt::format("named: '{}' {} {}", config.name, config.version, config.sha256))
      .note(fmt::format("found: '{}' {} {}", loaded.name, loaded.version, loaded.sha256));
}

}  // namespace

void load_plugins(const ConfigNode& root, Registry& registry) {
  const ConfigNode* list = root.find("plugins");
  if (list == nullptr) return;
  Diagnostics diagnostics;
  if (!list->is_sequence()) {
    report(diagnostics, *list, fmt::format("'plugins' must be a list, not {}", describe(*list)),
           "a list expected", "plugins: [./build/swish.so]");
  }
  for (const ConfigNode& item : list->items()) {
    std::optional<PluginConfig> config;
    try {
      config = read_plugin(item, diagnostics);
      if (config) require_recorded(*config, load_plugin(registry, config->path));
    } catch (const Error& error) {
      for (Diagnostic found : error.diagnostics()) {
        // The place is where the experiment names the plugin; the file is in the message or the notes.
        if (found.where) found.notes.push_back("file: " + found.where->file);
        found.where = item.where();
        if (config && !config->name.empty())
          found.notes.push_back(
              fmt::format("the experiment needs the plugin '{}' {}", config->name, config->version));
        diagnostics.add(Error(std::move(found)));
      }
    }
  }
  diagnostics.throw_if_any();
}

ConfigNode plugins_node(const Registry& registry) {
  ConfigNode list = ConfigNode::sequence();
  for (const PluginRecord& plugin : registry.plugins) {
    ConfigNode map = ConfigNode::map();
    map.set("path", ConfigNode::text(plugin.file));
    map.set("name", ConfigNode::text(plugin.name));
    map.set("version", ConfigNode::text(plugin.version));
    map.set("sha256", ConfigNode::text(plugin.sha256));
    list.push_back(std::move(map));
  }
  return list;
}

}  // namespace assay
