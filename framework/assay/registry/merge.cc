// Registry::merge: one registry taken into another, whole or not at all. Everything is judged before anything
// is taken, and taken under guard.
#include <algorithm>

#include "assay/core/error.h"
#include "assay/registry/guard.h"

namespace assay {
namespace {

// A name stands in YAML, in ids of checks and in names of files.
bool is_good_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Every name of `from` is good and free in `into`, and every definition has what it cannot do without.
template <class T, class Part>
void judge_table(const NamedTable<T>& into, const NamedTable<T>& from, Part T::*part,
                 const std::string& what) {
  for (const auto& [name, entry] : from.entries()) {
    if (!is_good_name(name)) {
      throw Error("the " + from.kind() + " '" + name + "' of " + entry.owner + " has no good name")
          .help("lower-case letters, digits and '_'");
    }
    if (into.find(name) != nullptr) {
      throw Error("the " + from.kind() + " '" + name + "' is registered twice: by " + into.owner(name) +
                  " and by " + entry.owner);
    }
    if (!(entry.value.*part)) {
      throw Error("the " + from.kind() + " '" + name + "' of " + entry.owner + " has no " + what);
    }
  }
}

template <class T>
void take(NamedTable<T>& into, const NamedTable<T>& from) {
  for (const auto& [name, entry] : from.entries()) into.add(name, guarded(entry.value, entry.owner), entry.owner);
}

}  // namespace

void Registry::merge(const Registry& other) {
  judge_table(ops, other.ops, &OpDef::infer, "shape rule (infer)");
  judge_table(layers, other.layers, &LayerDef::build, "recipe (build)");
  judge_table(losses, other.losses, &LossDef::build, "recipe (build)");
  judge_table(optimizers, other.optimizers, &OptimizerDef::update, "update rule (update)");
  judge_table(schedules, other.schedules, &ScheduleDef::rate, "formula (rate)");
  judge_table(initializers, other.initializers, &InitializerDef::fill, "formula (fill)");
  judge_table(data_sources, other.data_sources, &DataSourceDef::load, "function load");
  judge_table(backends, other.backends, &BackendDef::create, "function create");

  const auto defined = [&](const std::string& op) {
    const auto reference = other.kernels_.find("reference");
    return reference != other.kernels_.end() && reference->second.entries().contains(op);
  };
  for (const auto& [name, entry] : other.ops.entries()) {
    if (defined(name) || entry.value.expand || entry.value.view) continue;
    throw Error("nothing can compute the op '" + name + "' of " + entry.owner)
        .help("give it a kernel, add_kernel(\"reference\", ...), or an expansion into finer ops");
  }
  for (const auto& [backend, table] : other.kernels_) {
    for (const auto& [op, entries] : table.entries()) {
      const std::string subject =
          "the kernel of " + entries.front().owner + " for " + backend + "'s '" + op + "'";
      if (backends.find(backend) == nullptr && other.backends.find(backend) == nullptr) {
        throw Error(subject + " is of no use: this build has no such backend")
            .help(suggestion("backend", backend, backends.names()));
      }
      if (ops.find(op) == nullptr && other.ops.find(op) == nullptr) {
        throw Error(subject + " is of no use: nobody registered that op")
            .help(suggestion("op", op, ops.names()));
      }
      if (backend == "reference" && ops.find(op) != nullptr) {
        throw Error(subject + " would define anew what that op is")
            .help("the reference defines ops; give the kernel to another backend, or bring a backend");
      }
    }
  }

  take(ops, other.ops);
  take(layers, other.layers);
  take(losses, other.losses);
  take(optimizers, other.optimizers);
  take(schedules, other.schedules);
  take(initializers, other.initializers);
  take(data_sources, other.data_sources);
  take(backends, other.backends);
  for (const auto& [backend, table] : other.kernels_) {
    for (const auto& [op, entries] : table.entries()) {
      // Each goes in front of those before it: the newest first, as it was.
      for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
        kernels(backend).add(op, guarded(entry->offer, backend, entry->owner), entry->owner);
    }
  }
}

}  // namespace assay
