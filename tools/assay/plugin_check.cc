#include "assay/plugin_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "assay/core/error.h"
#include "assay/core/trial.h"
#include "assay/registry/plugin_file.h"
#include "assay/registry/plugin_loader.h"
#include "assay/session.h"
#include "assay/terminal.h"
#include "assay/verify/contracts.h"
#include "assay/verify/graphs.h"

namespace assay::cli {
namespace {

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

// One call of the verification: these ops, empty for all, on these backends, empty for all.
struct Request {
  std::vector<std::string> ops, backends;
  std::vector<verify::Oracle> oracles{};
};

std::vector<Request> requests_for(const Brought& brought) {
  std::vector<Request> requests;
  if (!brought.ops.empty()) requests.push_back({brought.ops, {}});
  // Of ops that were there before, the kernels alone: their derivative rules are not the plugin's.
  using verify::Oracle;
  for (const auto& [backend, op] : brought.kernels) {
    requests.push_back({{op},
                        {backend},
                        {Oracle::exact, Oracle::poison, Oracle::lockstep, Oracle::bias, Oracle::repeat,
                         Oracle::metamorphic, Oracle::known, Oracle::program}});
  }
  if (!brought.backends.empty()) requests.push_back({{}, brought.backends});
  return requests;
}

// The same requests about one op alone.
std::vector<Request> narrowed_to(const std::string& op, std::vector<Request> requests) {
  std::erase_if(requests, [&](const Request& request) {
    return !request.ops.empty() && std::ranges::find(request.ops, op) == request.ops.end();
  });
  for (Request& request : requests) request.ops = {op};
  return requests;
}

std::vector<std::string> ops_of(const std::vector<Request>& requests, const Registry& registry) {
  std::set<std::string> ops;
  for (const Request& request : requests) {
    const std::vector<std::string> all = request.ops.empty() ? registry.ops.names() : request.ops;
    ops.insert(all.begin(), all.end());
  }
  std::erase_if(ops, [&](const std::string& op) { return registry.ops.at(op).view; });
  return {ops.begin(), ops.end()};
}

class PluginCheck {
 public:
  PluginCheck(Registry& registry, const PluginRecord& plugin, const PluginCheckOptions& options)
      : registry_(registry), plugin_(plugin), options_(options), brought_(registry, plugin_owner(plugin)) {}

  bool run() const {
    fmt::print("{}\n", brought_.to_string());
    std::fflush(stdout);
    const std::vector<Request> requests = requests_for(brought_);
    const TrialResult all = in_child([&](const NamePhase& phase) {
      verify::Report report = answer(requests, phase);
      report.append(try_in_models(phase));
      phase("its data sources were loaded");
      report.append(load_sources(registry_, brought_.data));
      return report;
    });
    if (all.end == TrialResult::End::finished) return print_report(all);
    fmt::print("FAILED: the verification {} when {}: {}\n", how(all.end), all.phase, all.message);
    for (const std::string& op : ops_of(requests, registry_)) {
      const TrialResult one =
          in_child([&](const NamePhase& phase) { return answer(narrowed_to(op, requests), phase); });
      if (one.end != TrialResult::End::finished)
        fmt::print("FAILED op '{}': {}: {}\n", op, how(one.end), one.message);
      else if (!is_ok(one))
        print_report(one);
    }
    return false;
  }

 private:
  // A report as text, after a letter for whether it is good.
  TrialResult in_child(const std::function<verify::Report(const NamePhase&)>& verify) const {
    return try_in_child(
        [&](const NamePhase& phase) {
          const verify::Report report = verify(phase);
          if (report.checks().empty()) return std::string("+nothing of that can be verified by itself\n");
          return (report.ok() ? '+' : '-') + report.to_string();
        },
        options_.step_limit);
  }
  static bool is_ok(const TrialResult& result) { return result.message.starts_with('+'); }
  static bool print_report(const TrialResult& result) {
    fmt::print("{}", result.message.substr(1));
    return is_ok(result);
  }

  static std::string_view how(TrialResult::End end) {
    switch (end) {
      case TrialResult::End::crashed:
        return "crashed";
      case TrialResult::End::exited:
        return "ended the program";
      case TrialResult::End::hung:
        return "hung";
      default:
        return "failed";
    }
  }

  verify::Report answer(const std::vector<Request>& requests, const NamePhase& phase) const {
    verify::Report report;
    for (const Request& request : requests) {
      verify::OpsOptions ops;
      ops.tier = options_.tier;
      ops.command += " --plugin " + plugin_.file;
      ops.ops = request.ops;
      ops.backends = request.backends;
      ops.oracles = request.oracles;
      phase("no op was done");
      ops.progress = [&](const std::string& op, std::size_t done, std::size_t count) {
        phase(fmt::format("{} of {} ops were done, the last of them '{}'", done, count, op));
      };
      report.append(verify::verify_ops(registry_, ops));
      if (options_.tier == verify::Tier::smoke) continue;
      // Of those that are functions of a number, the whole range: where they overflow on the way to a result.
      verify::ContractOptions functions;
      functions.command += " --plugin " + plugin_.file;
      functions.ops = request.ops;
      functions.backends = request.backends;
      phase("no function was swept");
      functions.progress = [&](const std::string& function, std::size_t done, std::size_t parts) {
        phase(fmt::format("{} of {} parts of functions were swept, the last of them of '{}'", done, parts,
                          function));
      };
      report.append(verify::verify_contracts(registry_, functions).checks);
    }
    return report;
  }

  verify::Report try_in_models(const NamePhase& phase) const {
    verify::GraphsOptions graphs;
    graphs.count = options_.tier == verify::Tier::smoke ? 2 : kModels;
    for (const auto* names : {&brought_.layers, &brought_.losses, &brought_.optimizers})
      graphs.containing.insert(graphs.containing.end(), names->begin(), names->end());
    if (graphs.containing.empty()) return {};
    graphs.folder = std::filesystem::temp_directory_path();
    phase("no random model was done");
    graphs.progress = [&](std::int64_t done) { phase(fmt::format("{} random models were done", done)); };
    return verify::verify_graphs(registry_, graphs);
  }

  Registry& registry_;
  const PluginRecord& plugin_;
  const PluginCheckOptions& options_;
  const Brought brought_;
};

}  // namespace

bool check_plugin(const std::string& name, const PluginCheckOptions& options) {
  const std::filesystem::path path = find_plugin(name, "");
  const PluginFile file = read_plugin_file(path);
  fmt::print("{}\nsha256 {}\nstamp  {}\n", file.path.string(), file.sha256, file.stamp);
  std::fflush(stdout);
  Registry registry;
  register_builtin(registry);
  const PluginRecord plugin = load_plugin(registry, path, {.limit = options.load_limit, .memory = {}});
  fmt::print("plugin '{}' {}\n\n", plugin.name, plugin.version);
  const bool ok = PluginCheck(registry, plugin, options).run();
  next_step(ok ? fmt::format("assay list --plugin {}", name)
               : fmt::format("assay verify --ops --plugin {}", name));
  return ok;
}

}  // namespace assay::cli
