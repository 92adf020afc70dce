#include "assay/session.h"

#include <fmt/format.h>

#include <limits>

#include "assay/core/error.h"
#include "assay/registry/plugin_loader.h"

namespace assay::cli {

Session::Session(const Arguments& arguments) {
  register_builtin(registry_);
  for (const std::filesystem::path& file : environment_plugins()) load_plugin(registry_, file);
  for (const std::string& name : arguments.all("plugin")) load_plugin(registry_, find_plugin(name, ""));
}

ExperimentChanges changes_of(const Arguments& arguments) {
  ExperimentChanges changes;
  changes.overrides = arguments.all("set");
  if (const auto seed = arguments.integer("seed", 0, std::numeric_limits<std::int64_t>::max())) {
    changes.seed = static_cast<std::uint64_t>(*seed);
  }
  return changes;
}

Experiment load(const Arguments& arguments, Registry& registry) {
  ExperimentChanges changes = changes_of(arguments);
  if (arguments.has("backend")) changes.backend = arguments.text("backend");
  return load_experiment(arguments.positionals().front(), changes, registry);
}

void require_writable_place(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    throw Error(
        fmt::format("'{}' cannot be written: there is no folder '{}'", file.string(), folder.string()));
  if (std::filesystem::is_directory(file))
    throw Error(fmt::format("'{}' cannot be written: it is a folder", file.string()));
}

void next_step(std::string_view command) { fmt::print(stderr, "next: {}\n", command); }

std::string_view kind_name(FieldKind kind) {
  switch (kind) {
    case FieldKind::boolean:
      return "boolean";
    case FieldKind::integer:
      return "integer";
    case FieldKind::number:
      return "number";
    case FieldKind::text:
      return "text";
    case FieldKind::choice:
      return "choice";
    case FieldKind::integers:
      return "list of integers";
    case FieldKind::numbers:
      return "list of numbers";
    case FieldKind::pair:
      return "number or [height, width]";
    case FieldKind::padding:
      return "valid, same, number or [top, bottom, left, right]";
    default:
      return "list";
  }
}

}  // namespace assay::cli
