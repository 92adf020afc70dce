#include "assay/experiment/experiment.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/experiment/overrides.h"
#include "assay/experiment/plugins.h"
#include "assay/experiment/read_model.h"
#include "assay/experiment/read_training.h"
#include "assay/experiment/yaml_parser.h"

namespace assay {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 40;

class Reader {
 public:
  Reader(ConfigNode& root, const Registry& registry, Experiment& experiment)
      : root_(root), registry_(registry), experiment_(experiment) {}

  void read() {
    MapReader top(root_, diagnostics_, "the experiment");
    if (!top.valid()) diagnostics_.throw_if_any();
    if (const ConfigNode* of = root_.find("experiment");
        of != nullptr && root_.find("objective") != nullptr) {
      report(diagnostics_, *of, "this file describes a sweep, not an experiment",
             "a sweep names its experiment so", "run it with assay sweep");
      diagnostics_.throw_if_any();
    }
    read_version(top);
    if (const ConfigNode* name = top.required("name")) read_name(*name);
    read_seeds(top);
    if (const ConfigNode* backend = top.optional("backend")) read_backend(*backend);
    if (const ConfigNode* numeric = top.optional("numeric")) read_numeric(*numeric);
    top.optional("plugins");  // load_plugins() has read them
    if (ConfigNode* data = require(top, "data")) read_data(*data);
    if (ConfigNode* model = require(top, "model")) read_the_model(*model);
    if (const ConfigNode* loss = top.required("loss"))
      take(experiment_.loss, read_component(*loss, registry_.losses, "loss", diagnostics_));
    if (const ConfigNode* optimizer = top.required("optimizer")) {
      take(experiment_.optimizer,
           read_component(*optimizer, registry_.optimizers, "optimizer", diagnostics_));
    }
    experiment_.schedule.fields =
        complete(registry_.schedules.at("constant").fields, {}, "schedule 'constant'");
    if (const ConfigNode* schedule = top.optional("schedule")) {
      if (auto config = read_component(*schedule, registry_.schedules, "schedule", diagnostics_)) {
        experiment_.schedule = {config->type, config->fields};
      }
    }
    if (const ConfigNode* train = top.required("train")) read_train(*train, diagnostics_, experiment_);
    if (const ConfigNode* metrics = top.optional("metrics"))
      read_metrics(*metrics, diagnostics_, experiment_);
    if (const ConfigNode* stopping = top.optional("early_stopping"))
      read_early_stopping(*stopping, diagnostics_, experiment_);
    if (const ConfigNode* checkpoint = top.optional("checkpoint"))
      read_checkpoint(*checkpoint, diagnostics_, experiment_);
    if (const ConfigNode* expect = top.optional("expect")) read_expect(*expect, diagnostics_, experiment_);
    top.finish();
    diagnostics_.throw_if_any();
  }

 private:
  template <class T>
  static void take(T& target, std::optional<T> value) {
    if (value) target = std::move(*value);
  }

  ConfigNode* require(MapReader& top, std::string_view key) {
    return const_cast<ConfigNode*>(top.required(key));
  }

  void read_version(MapReader& top) {
    const ConfigNode* version = top.required("assay");
    if (version == nullptr) return;
    if (root_.entries().front().key.text() != "assay") {
      report(diagnostics_, root_.entries().front().key, "'assay: 1' must stand first in the file",
             "the format version goes before this");
    }
    const auto number = read_integer(*version, diagnostics_, "'assay'", 1, kMost);
    if (number && *number != 1) {
      report(diagnostics_, *version, fmt::format("the file has format version {}", *number),
             "this program reads version 1", "use a newer assay");
    }
  }

  void read_name(const ConfigNode& node) {
    if (const auto name = read_folder_name(node, diagnostics_, "an experiment")) experiment_.name = *name;
  }

  void read_seeds(MapReader& top) {
    const ConfigNode* seed = top.optional("seed");
    const ConfigNode* seeds = top.optional("seeds");
    constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
    if (seed != nullptr && seeds != nullptr) {
      report(diagnostics_, *seeds, "both 'seed' and 'seeds' are given", "remove one of the two");
    } else if (seed != nullptr) {
      if (const auto value = read_integer(*seed, diagnostics_, "'seed'", 0, kLargest))
        experiment_.seeds = {static_cast<std::uint64_t>(*value)};
    } else if (seeds != nullptr) {
      const auto values = read_integers(*seeds, diagnostics_, "'seeds'", 0, kLargest);
      if (!values) return;
      experiment_.seeds.assign(values->begin(), values->end());
      std::vector<std::int64_t> sorted = *values;
      std::ranges::sort(sorted);
      if (sorted.empty()) report(diagnostics_, *seeds, "'seeds' is empty", "at least one seed is needed");
      if (std::ranges::adjacent_find(sorted) != sorted.end())
        report(diagnostics_, *seeds, "'seeds' names a seed twice", "each may stand once");
    }
  }

  void read_backend(const ConfigNode& node) {
    BackendConfig& backend = experiment_.backend;
    backend.where = node.where();
    const ConfigNode map = in_full(node);
    MapReader outer(map, diagnostics_, "the backend");
    // Without a type it is the default one: threads alone may be given.
    static const ConfigNode default_type = ConfigNode::text(BackendConfig{}.type);
    const ConfigNode* given = outer.optional("type");
    const ConfigNode* type = given != nullptr ? given : &default_type;
    if (!outer.valid()) return;
    const auto name = read_text(*type, diagnostics_, "'type'");
    if (!name) return;
    const BackendDef* def = registry_.backends.find(*name);
    if (def == nullptr) {
      report(diagnostics_, *type, fmt::format("unknown backend '{}'", *name), "no such backend in this build",
             suggestion("backend", *name, registry_.backends.names()) +
                 "; assay doctor says how to get the others");
      return;
    }
    backend.type = *name;
    MapReader reader(map, diagnostics_, fmt::format("backend '{}'", *name));
    reader.optional("type");
    if (const ConfigNode* threads = reader.optional("threads")) {
      if (!(threads->is_scalar() && threads->text() == "auto")) {
        if (const auto count = read_integer(*threads, diagnostics_, "'threads' (auto or a number)", 1, 1024))
          backend.threads = static_cast<int>(*count);
      }
    }
    if (const ConfigNode* fallback = reader.optional("fallback")) {
      const FieldDef choice{
          .name = "fallback", .kind = FieldKind::choice, .choices = {"forbid", "report", "allow"}};
      if (const auto value = read_field(*fallback, choice, diagnostics_)) {
        const auto& text = std::get<std::string>(*value);
        backend.fallback = text == "forbid"  ? Fallback::forbid
                           : text == "allow" ? Fallback::allow
                                             : Fallback::report;
      }
    }
    if (const auto fields = reader.fields(def->fields)) backend.fields = *fields;
    reader.finish();
  }

  void read_numeric(const ConfigNode& node) {
    MapReader reader(node, diagnostics_, "'numeric'");
    if (const ConfigNode* dtype = reader.optional("dtype")) {
      const FieldDef choice{.name = "dtype", .kind = FieldKind::choice, .choices = {"f32", "f64"}};
      if (const auto value = read_field(*dtype, choice, diagnostics_))
        experiment_.dtype = parse_dtype(std::get<std::string>(*value));
    }
    reader.finish();
  }

  // Makes the paths of a field absolute, in the tree too, so that the tree can be run from anywhere.
  void make_absolute(ConfigNode& node) {
    if (node.is_scalar() && !node.is_null()) {
      ConfigNode absolute =
          ConfigNode::text(std::filesystem::absolute(resolve_path(node)).lexically_normal().string());
      absolute.set_place(node.source(), node.source_begin(), node.source_end());
      node = std::move(absolute);
    }
    for (ConfigNode& item : node.items()) make_absolute(item);
    for (ConfigNode::Entry& entry : node.entries()) make_absolute(entry.value);
  }

  void read_data(ConfigNode& node) {
    DataConfig& data = experiment_.data;
    data.where = node.where();
    MapReader outer(node, diagnostics_, "the data");
    const ConfigNode* type = outer.required("type");
    if (type == nullptr) return;
    const auto name = read_text(*type, diagnostics_, "'type'");
    if (!name) return;
    const DataSourceDef* def = registry_.data_sources.find(*name);
    if (def == nullptr) {
      report(diagnostics_, *type, fmt::format("unknown data source '{}'", *name), "no such data source",
             suggestion("data source", *name, registry_.data_sources.names()));
      return;
    }
    data.type = *name;
    for (const std::string& key : def->paths) {
      if (ConfigNode* path = node.find(key)) make_absolute(*path);
    }
    MapReader reader(node, diagnostics_, fmt::format("data source '{}'", *name));
    reader.optional("type");
    if (const ConfigNode* split = reader.optional("split")) {
      if (const auto fields = read_map(*split, split_fields(), "'split'"))
        data.split = split_options(*fields);
    }
    if (const ConfigNode* normalize = reader.optional("normalize")) read_normalize(*normalize);
    if (const ConfigNode* augment = reader.optional("augment")) read_augment(*augment);
    if (const ConfigNode* shuffle = reader.optional("shuffle")) {
      if (const auto value = read_boolean(*shuffle, diagnostics_, "'shuffle'")) data.shuffle = *value;
    }
    if (const auto fields = reader.fields(def->fields)) data.fields = *fields;
    reader.finish();
  }

  std::optional<Fields> read_map(const ConfigNode& node, const std::vector<FieldDef>& defs,
                                 const std::string& subject) {
    MapReader reader(node, diagnostics_, subject);
    auto fields = reader.fields(defs);
    reader.finish();
    return fields;
  }

  void read_normalize(const ConfigNode& node) {
    const auto fields = read_map(node, normalize_fields(), "'normalize'");
    if (!fields) return;
    try {
      experiment_.data.normalize = normalize_options(*fields);
    } catch (Error& error) {
      if (node.where()) error.at(*node.where());
      diagnostics_.add(error);
    }
  }

  void read_augment(const ConfigNode& node) {
    if (!node.is_sequence()) {
      report(diagnostics_, node, fmt::format("'augment' must be a list, not {}", describe(node)),
             "a list expected");
      return;
    }
    NamedTable<AugmentDef> table("augmentation");
    for (AugmentDef& def : defs_) table.add(def.type, def, "built-in");
    for (const ConfigNode& item : node.items()) {
      if (const auto step = read_component(item, table, "augmentation", diagnostics_)) {
        experiment_.data.augment.push_back({step->type, step->fields});
      }
    }
  }

  void read_the_model(ConfigNode& node) {
    MapReader reader(node, diagnostics_, "the model");
    if (!reader.valid()) return;
    if (ConfigNode* weights = node.find("weights")) {
      reader.optional("weights");
      make_absolute(*weights);
      if (const auto text = read_text(*weights, diagnostics_, "'weights'")) experiment_.weights = *text;
    } else {
      reader.optional("weights");
    }
    read_model(reader, registry_, experiment_.model);
    reader.finish();
  }

  ConfigNode& root_;
  const Registry& registry_;
  Experiment& experiment_;
  Diagnostics diagnostics_;
  std::vector<AugmentDef> defs_ = augment_defs();
};

}  // namespace

Experiment read_experiment(ConfigNode root, const std::filesystem::path& file, const Registry& registry) {
  Experiment experiment;
  experiment.file = file;
  Reader(root, registry, experiment).read();
  experiment.resolved = std::move(root);
  if (!registry.plugins.empty()) experiment.resolved.set("plugins", plugins_node(registry));
  return experiment;
}

namespace {

// Threads, fallback, and what both backends have a setting for stay as they are.
void change_backend(ConfigNode& root, const std::string& name, const Registry& registry) {
  ConfigNode backend = ConfigNode::map();
  backend.set("type", ConfigNode::text(name));
  if (const ConfigNode* old = root.find("backend")) {
    std::vector<std::string> kept{"threads", "fallback"};
    if (const BackendDef* def = registry.backends.find(name)) {
      for (const FieldDef& field : def->fields) kept.push_back(field.name);
    }
    for (const std::string& key : kept) {
      if (const ConfigNode* value = old->find(key)) backend.set(key, *value);
    }
    const ConfigNode* type = old->find("type");
    if (type != nullptr && type->is_scalar() && type->text() == name) backend = *old;
  }
  root.set("backend", std::move(backend));
}

}  // namespace

Experiment load_experiment(const std::filesystem::path& file, const ExperimentChanges& changes,
                           Registry& registry) {
  ConfigNode root = load_extended(file);
  for (const std::string& change : changes.overrides) apply_override(root, change);
  if (changes.seed && root.is_map()) {
    root.erase("seeds");
    root.set("seed", ConfigNode::integer(static_cast<std::int64_t>(*changes.seed)));
  }
  load_plugins(root, registry);
  if (changes.backend && root.is_map()) change_backend(root, *changes.backend, registry);
  return read_experiment(std::move(root), file, registry);
}

}  // namespace assay
