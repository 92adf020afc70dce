// assay plugin: writes a plugin to start from, and says what a plugin brings and whether it holds.
#include <fmt/format.h>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/plugin_check.h"
#include "assay/plugin_templates.h"
#include "assay/session.h"

namespace assay::cli {
namespace {

int run_plugin_new(const Arguments& arguments, const std::string& name) {
  const std::vector<std::string> kinds = plugin_kinds();
  if (!arguments.has("kind"))
    throw Error("what kind of plugin is it to be?").help(fmt::format("--kind {}", join(kinds, "|")));
  const std::filesystem::path folder = arguments.text("output", name);
  const std::vector<std::filesystem::path> files = write_plugin(name, arguments.text("kind"), folder);
  for (const std::filesystem::path& file : files) fmt::print("{}\n", file.string());
  next_step(fmt::format("cmake -S {0} -B {0}/build && cmake --build {0}/build && ctest --test-dir {0}/build",
                        folder.string()));
  return kOk;
}

int run_plugin_check(const Arguments& arguments, const std::string& file) {
  PluginCheckOptions options;
  if (const auto limit = arguments.integer("time-limit", 1, 86400))
    options.load_limit = options.step_limit = std::chrono::seconds(*limit);
  options.tier = verify::parse_tier(arguments.text("tier", "standard"));
  return check_plugin(file, options) ? kOk : kCheckFailed;
}

int run_plugin(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.positionals();
  const std::vector<std::string> actions{"check", "new"};
  if (words[0] == "new") return run_plugin_new(arguments, words[1]);
  if (words[0] == "check") return run_plugin_check(arguments, words[1]);
  throw Error(fmt::format("'assay plugin' does not know '{}'", words[0]))
      .help(suggestion("action", words[0], actions));
}

}  // namespace

Command plugin_command() {
  return {"plugin",
          "begin a plugin, or check one",
          {{"assay plugin new soft_step --kind activation", "a folder that builds, with a test"},
           {"assay plugin check build/soft_step.so", "what it registers, and the verification of that"}},
          {{"ACTION", "new or check"}, {"WHAT", "the name of a new plugin, or the file to check"}},
          {{"kind", 'k', "KIND", "of a new plugin", plugin_kinds()},
           {"output", 'o', "FOLDER", "where a new plugin goes (default: its name)"},
           {"time-limit", 0, "SECONDS", "for loading it (10), and from op to op (600)"},
           {"tier", 0, "TIER", "how much is tried", {"smoke", "standard", "full"}}},
          run_plugin};
}

}  // namespace assay::cli
