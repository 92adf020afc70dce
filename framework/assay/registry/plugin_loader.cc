#include "assay/registry/plugin_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "assay/core/cache_directory.h"
#include "assay/core/float_mode.h"
#include "assay/core/trial.h"
#include "assay/data/file.h"
#include "assay/registry/plugin_abi.h"
#include "assay/registry/plugin_file.h"
#include "assay/registry/plugin_memory.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

void ignore_phases(const std::string&) {}

// Throws Error where the plugin changed the mode of floating-point arithmetic; the caller's guard restores
// it.
void require_mode(const FloatMode& before) {
  const std::string changed = difference(before, float_mode());
  if (changed.empty()) return;
  throw Error("the plugin changes how this processor computes: " + changed)
      .help("build it without -ffast-math and -Ofast, which change that for the whole program");
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

// A plugin in this process, with what it registers not yet merged into anything.
struct OpenedPlugin {
  PluginRecord record;
  std::unique_ptr<Registry> registered;
};

const assay_plugin_info& entry_of(void* handle) {
  const auto entry = reinterpret_cast<assay_plugin_entry*>(::dlsym(handle, "assay_plugin"));
  if (entry == nullptr) throw Error("the plugin has no entry point 'assay_plugin'");
  const assay_plugin_info* info = entry();
  if (info == nullptr || info->size < sizeof(assay_plugin_info) || info->abi != ASSAY_PLUGIN_ABI ||
      info->load == nullptr)
    throw Error("the plugin's entry point returns no record of this ABI");
  if (text_of(info->name).empty() || text_of(info->version).empty())
    throw Error("the plugin has no name or no version").help("ASSAY_PLUGIN(\"name\", \"1.0\", registry)");
  return *info;
}

OpenedPlugin open_plugin(const PluginFile& file, const NamePhase& phase) {
  const FloatModeGuard guard;
  phase("its constructors ran");
  void* const handle = ::dlopen(file.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error(fmt::format("the system cannot load it: {}", text_of(::dlerror())))
        .help(
            "a symbol that is missing was meant for another assay; a library that is missing must be "
            "installed");
  }
  require_mode(guard.before());
  const assay_plugin_info& info = entry_of(handle);
  OpenedPlugin opened{{info.name, info.version, file.path.string(), file.sha256}, nullptr};
  opened.registered = std::make_unique<Registry>(plugin_owner(opened.record));
  phase("its load ran");
  try {
    info.load(*opened.registered);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (Error& error) {
    error.in(fmt::format("load of the plugin '{}' {}", info.name, info.version));
    throw;
  } catch (const std::exception& error) {
    throw Error(error.what()).in(fmt::format("load of the plugin '{}' {}", info.name, info.version));
  } catch (...) {
    throw Error("an exception that is no std::exception")
        .in(fmt::format("load of the plugin '{}' {}", info.name, info.version));
  }
  require_mode(guard.before());
  return opened;
}

// An error as text, on its way from the child: its message, then parts that begin with a letter for what they
// are.
constexpr char kError = '\x1d', kPart = '\x1e';

std::string to_text(const Error& error) {
  const Diagnostic& diagnostic = error.diagnostics().front();
  std::string text = kError + diagnostic.message;
  const auto append = [&](char kind, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) text += std::string{kPart, kind} + part;
  };
  append('c', diagnostic.context);
  append('h', diagnostic.help);
  append('n', diagnostic.notes);
  return text;
}

Error error_of(const std::string& text) {
  Diagnostic diagnostic;
  for (std::size_t begin = 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find(kPart, begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    if (begin == 1) {
      diagnostic.message = part;
    } else {
      auto& list = part[0] == 'c' ? diagnostic.context : part[0] == 'h' ? diagnostic.help : diagnostic.notes;
      list.push_back(part.substr(1));
    }
    begin = end + 1;
  }
  return Error(std::move(diagnostic));
}

// Throws Error where the plugin does not come through its constructors, its load and the end of the program
// in a child process, so that it is never loaded here.
void try_plugin(const PluginFile& file, const PluginOptions& options) {
  if (is_remembered(file, options.memory)) return;
  const TrialResult result = try_in_child(
      [&](const NamePhase& phase) {
        try {
          OpenedPlugin opened = open_plugin(file, phase);
          phase("what it registered was destroyed");
          opened.registered.reset();
          return libraries_beside(file);
        } catch (const Error& error) {
          throw std::runtime_error(to_text(error));
        }
      },
      options.limit, TrialEnding::by_exit);
  switch (result.end) {
    case TrialResult::End::finished:
      remember(file, result.message, options.memory);
      return;
    case TrialResult::End::threw:
      if (result.message.starts_with(kError)) throw error_of(result.message);
      throw Error(fmt::format("the plugin failed when {}: {}", result.phase, result.message));
    case TrialResult::End::crashed:
      throw Error(fmt::format("the plugin crashed when {}: {}", result.phase, result.message));
    case TrialResult::End::exited:
      throw Error(fmt::format("the plugin ended the program when {}: {}", result.phase, result.message));
    case TrialResult::End::hung:
      throw Error(fmt::format("the plugin hung when {}: it took {}", result.phase, result.message));
  }
}

std::vector<std::string> split_paths(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> search_path() {
  const char* const value = std::getenv("ASSAY_PLUGIN_PATH");
  return value == nullptr ? std::vector<std::string>{} : split_paths(value);
}

}  // namespace

PluginOptions default_plugin_options() {
  PluginOptions options;
  if (const fs::path cache = cache_directory(); !cache.empty()) options.memory = cache / "plugins";
  return options;
}

PluginRecord load_plugin(Registry& registry, const fs::path& path, const PluginOptions& options) {
  if (!fs::exists(path)) throw Error(fmt::format("the plugin '{}' is missing", path.string()));
  note_libraries_of_the_program();
  const PluginFile file = read_plugin_file(path);
  for (const PluginRecord& loaded : registry.plugins) {
    if (loaded.sha256 == file.sha256) return loaded;
  }
  try {
    require_same_stamp(file.stamp, host_stamp());
    try_plugin(file, options);
    OpenedPlugin opened = open_plugin(file, ignore_phases);
    for (const PluginRecord& loaded : registry.plugins) {
      if (loaded.name != opened.record.name) continue;
      throw Error(
          fmt::format("two plugins are named '{}': {} and {}", loaded.name, loaded.file, file.path.string()));
    }
    registry.merge(*opened.registered);
    registry.plugins.push_back(opened.record);
  } catch (Error& error) {
    error.at(file::place(file.path));
    throw;
  }
  return registry.plugins.back();
}

std::string plugin_owner(const PluginRecord& plugin) {
  return fmt::format("plugin '{}' {} ({})", plugin.name, plugin.version, plugin.file);
}

fs::path find_plugin(const std::string& name, const fs::path& folder) {
  if (name.find_first_of("/.") != std::string::npos) return (folder / name).lexically_normal();
  const std::vector<std::string> places = search_path();
  for (const std::string& place : places) {
    if (const fs::path file = fs::path(place) / (name + ".so"); fs::exists(file)) return file;
  }
  throw Error(fmt::format("the plugin '{}' is missing", name))
      .help(places.empty()
                ? "give the path of its file, or name its folder in the variable ASSAY_PLUGIN_PATH"
                : fmt::format("there is no '{}.so' in {} (ASSAY_PLUGIN_PATH)", name, join(places)));
}

std::vector<fs::path> environment_plugins() {
  std::vector<fs::path> plugins;
  for (const std::string& place : search_path()) {
    if (!fs::is_directory(place)) {
      plugins.emplace_back(place);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(place)) {
      if (entry.path().extension() == ".so" && is_plugin_file(entry.path())) inside.push_back(entry.path());
    }
    std::ranges::sort(inside);
    plugins.insert(plugins.end(), inside.begin(), inside.end());
  }
  return plugins;
}

}  // namespace assay
