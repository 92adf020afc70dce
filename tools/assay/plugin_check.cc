#include "assay/plugin_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "assay/core/error.h"
#include "assay/core/trial.h"
#include "assay/registry/plugin_file.h"
#include "assay/registry/plugin_loader.h"
#include "assay/session.h"
#include "assay/terminal.h"
#include "assay/verify/graphs.h"

namespace assay::cli {
namespace {

// Longer than any check of one plugin takes, and short enough that a kernel that hangs is found.
constexpr std::chrono::minutes kVerificationLimit{30};
constexpr std::int64_t kModels = 10;

template <class T>
std::vector<std::string> names_of(const NamedTable<T>& table, const std::string& owner) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : table.entries()) {
    if (entry.owner == owner) names.push_back(name);
  }
  return names;
}

// What one plugin brought into a registry.
struct Brought {
  std::vector<std::string> ops, layers, losses, optimizers, schedules, initializers, data, backends;
  std::vector<std::pair<std::string, std::string>> kernels;  // (backend, op), where the op is another's

  Brought(Registry& registry, const std::string& owner)
      : ops(names_of(registry.ops, owner)),
        layers(names_of(registry.layers, owner)),
        losses(names_of(registry.losses, owner)),
        optimizers(names_of(registry.optimizers, owner)),
        schedules(names_of(registry.schedules, owner)),
        initializers(names_of(registry.initializers, owner)),
        data(names_of(registry.data_sources, owner)),
        backends(names_of(registry.backends, owner)) {
    for (const std::string& backend : registry.backends.names()) {
      for (const auto& [op, entries] : registry.kernels(backend).entries()) {
        if (registry.ops.owner(op) == owner || registry.backends.owner(backend) == owner) continue;
        for (const KernelTable::Entry& entry : entries) {
          if (entry.owner == owner) kernels.emplace_back(backend, op);
        }
      }
    }
  }

  std::string to_string() const {
    std::string text;
    const auto line = [&](std::string_view kind, const std::vector<std::string>& names) {
      if (!names.empty()) text += fmt::format("{:<14}{}\n", kind, fmt::join(names, ", "));
    };
    line("ops", ops);
    line("layers", layers);
    line("losses", losses);
    line("optimizers", optimizers);
    line("schedules", schedules);
    line("initializers", initializers);
    line("data", data);
    line("backends", backends);
    std::vector<std::string> pairs;
    for (const auto& [backend, op] : kernels) pairs.push_back(fmt::format("{}'s {}", backend, op));
    line("kernels", pairs);
    return text.empty() ? "it registers nothing\n" : text;
  }
};

// Data sources whose fields all have defaults are loaded; others need files that only an experiment names.
verify::Report load_sources(const Registry& registry, const std::vector<std::string>& names) {
  verify::Report report;
  for (const std::string& name : names) {
    verify::Check check;
    check.oracle = verify::Oracle::program;
    check.subject = {name, "", "", DType::f64, "data source", ""};
    check.basis = "it loads, and the same seed gives the same data";
    const DataSourceDef& def = registry.data_sources.at(name);
    if (std::ranges::any_of(def.fields, &FieldDef::required)) {
      check.status = verify::Status::skipped;
      check.detail = "it has required fields: run an experiment that names them";
    } else {
      try {
        const SplitDataset first = load_data(def, {}, std::filesystem::current_path(), 1);
        const SplitDataset again = load_data(def, {}, std::filesystem::current_path(), 1);
        check.judged = first.train.inputs.count();
        if (first.train.identity != again.train.identity) {
          check.status = verify::Status::failed;
          check.detail = "two loads with the same fields and seed give different data";
        }
      } catch (const Error& error) {
        check.status = verify::Status::failed;
        check.detail = error.what();
      }
    }
    report.add(std::move(check));
  }
  return report;
}

verify::Report verify_brought(const Registry& registry, const Brought& brought,
                              const PluginCheckOptions& options) {
  verify::Report report;
  verify::OpsOptions ops;
  ops.tier = options.tier;
  ops.command += " --plugin " + registry.plugins.back().file;
  if (!brought.ops.empty()) {
    ops.ops = brought.ops;
    report.append(verify::verify_ops(registry, ops));
  }
  // Of ops that were there before, the kernels alone: their derivative rules are not the plugin's.
  using verify::Oracle;
  ops.oracles = {Oracle::exact,  Oracle::poison,      Oracle::lockstep, Oracle::bias,
                 Oracle::repeat, Oracle::metamorphic, Oracle::known};
  for (const auto& [backend, op] : brought.kernels) {
    ops.ops = {op};
    ops.backends = {backend};
    report.append(verify::verify_ops(registry, ops));
  }
  if (!brought.backends.empty()) {
    ops.ops = {};
    ops.backends = brought.backends;
    report.append(verify::verify_ops(registry, ops));
  }
  verify::GraphsOptions graphs;
  graphs.count = options.tier == verify::Tier::smoke ? 2 : kModels;
  for (const auto* names : {&brought.layers, &brought.losses, &brought.optimizers})
    graphs.containing.insert(graphs.containing.end(), names->begin(), names->end());
  if (!graphs.containing.empty()) {
    graphs.folder = std::filesystem::temp_directory_path();
    report.append(verify::verify_graphs(registry, graphs));
  }
  report.append(load_sources(registry, brought.data));
  return report;
}

// "ok" or "no", and the text to print.
std::string plugin_verdict(const std::string& file, const PluginCheckOptions& options) {
  Registry registry;
  register_builtin(registry);
  const PluginRecord record = load_plugin(registry, file, {.limit = options.limit, .memory = {}});
  const Brought brought(registry, plugin_owner(record));
  const verify::Report report = verify_brought(registry, brought, options);
  const bool nothing = report.checks().empty();
  return (nothing || report.ok() ? "ok" : "no") + brought.to_string() + "\n" +
         (nothing ? "nothing of that can be verified by itself\n" : report.to_string());
}

}  // namespace

bool check_plugin(const std::string& name, const PluginCheckOptions& options) {
  const std::filesystem::path path = find_plugin(name, "");
  const PluginFile file = read_plugin_file(path);
  fmt::print("{}\nsha256 {}\nstamp  {}\n", file.path.string(), file.sha256, file.stamp);
  {
    // Loaded once for its errors, which are the user's to mend; the rest happens in a child.
    Registry registry;
    register_builtin(registry);
    const PluginRecord record = load_plugin(registry, path, {.limit = options.limit, .memory = {}});
    fmt::print("plugin '{}' {}\n\n", record.name, record.version);
    std::fflush(stdout);
  }
  const TrialResult result = try_in_child(
      [&](const NamePhase&) { return plugin_verdict(path.string(), options); }, kVerificationLimit);
  if (result.end != TrialResult::End::finished) {
    fmt::print("FAILED: the verification of what it registers ended early: {}\n", result.message);
    return false;
  }
  fmt::print("{}", result.message.substr(2));
  const bool ok = result.message.starts_with("ok");
  next_step(ok ? fmt::format("assay list --plugin {}", name)
               : fmt::format("assay verify --ops --plugin {}", name));
  return ok;
}

}  // namespace assay::cli
