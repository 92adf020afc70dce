// assay list: everything that has a name — layers, ops, optimizers, backends, ... — with fields, defaults and
// formulas, from the registry.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/list_runs.h"
#include "assay/registry/registry.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

// One entry of any registry.
struct Item {
  std::string name;
  std::string summary;
  std::string formula;
  std::string owner;
  std::vector<FieldDef> fields;
  std::vector<std::pair<std::string, std::string>> more{};  // "inputs" → "x, weight, bias?"
};

struct Kind {
  std::string name;  // "layers"
  std::vector<Item> items;
};

template <class T, class More>
Kind kind_of(std::string name, const NamedTable<T>& table, More more) {
  Kind kind{std::move(name), {}};
  for (const auto& named : table.entries()) {
    const auto& entry = named.second;
    Item item{named.first, "", "", entry.owner, entry.value.fields};
    if constexpr (requires { entry.value.summary; }) item.summary = entry.value.summary;
    if constexpr (requires { entry.value.formula; }) item.formula = entry.value.formula;
    more(entry.value, item);
    kind.items.push_back(std::move(item));
  }
  return kind;
}

template <class T>
Kind kind_of(std::string name, const NamedTable<T>& table) {
  return kind_of(std::move(name), table, [](const T&, Item&) {});
}

void describe_op(const OpDef& op, Item& item) {
  item.more.emplace_back("operands", join(op.inputs));
  item.more.emplace_back("results", join(op.outputs));
  item.more.emplace_back("derivative", op.derivative ? "by rule" : op.expand ? "by expansion" : "none");
}

void describe_layer(const LayerDef& layer, Item& item) {
  for (const ParameterDoc& parameter : layer.parameters) {
    item.more.emplace_back("parameter", fmt::format("{} {}, starts as {}", parameter.name, parameter.shape,
                                                    parameter.initializer));
  }
}

std::vector<Kind> collect(const Registry& registry) {
  // An activation is the op whose gradient op stands beside it and that is a layer by its own name.
  Kind activations{"activations", {}};
  Kind layers = kind_of("layers", registry.layers, describe_layer);
  Kind ops = kind_of("ops", registry.ops, describe_op);
  for (const Item& op : ops.items) {
    const OpDef& def = registry.ops.at(op.name);
    if (def.activation && registry.layers.find(op.name) != nullptr) activations.items.push_back(op);
  }
  std::vector<Kind> kinds;
  kinds.push_back(std::move(layers));
  kinds.push_back(std::move(activations));
  kinds.push_back(kind_of("losses", registry.losses));
  kinds.push_back(kind_of("optimizers", registry.optimizers));
  kinds.push_back(kind_of("schedules", registry.schedules));
  kinds.push_back(kind_of("initializers", registry.initializers));
  kinds.push_back(kind_of("data", registry.data_sources));
  kinds.push_back(kind_of("backends", registry.backends));
  kinds.push_back(std::move(ops));
  return kinds;
}

Json to_json(const Item& item) {
  Json json{{"name", item.name}, {"summary", item.summary}, {"formula", item.formula}, {"owner", item.owner}};
  for (const auto& [key, value] : item.more) json[key].push_back(value);
  Json fields = Json::array();
  for (const FieldDef& field : item.fields) {
    Json one{{"name", field.name},
             {"kind", kind_name(field.kind)},
             {"required", field.required},
             {"summary", field.summary}};
    if (!field.required && !field.optional) one["default"] = to_string(field.fallback);
    if (!field.choices.empty()) one["choices"] = field.choices;
    fields.push_back(std::move(one));
  }
  json["fields"] = std::move(fields);
  return json;
}

std::string render(const Item& item) {
  std::string text = item.name;
  if (!item.formula.empty()) text += "    " + item.formula;
  text += "\n";
  if (!item.summary.empty()) text += "    " + item.summary + "\n";
  for (const auto& [key, value] : item.more) text += fmt::format("    {}: {}\n", key, value);
  for (const FieldDef& field : item.fields) {
    text +=
        fmt::format("    {}: {}", field.name,
                    field.choices.empty() ? std::string(kind_name(field.kind)) : join(field.choices, " | "));
    text += field.required   ? ", required"
            : field.optional ? ", may be left out"
                             : ", default " + to_string(field.fallback);
    if (!field.summary.empty()) text += " — " + field.summary;
    text += "\n";
  }
  if (item.owner != "built-in") text += "    from " + item.owner + "\n";
  return text;
}

int run_list(const Arguments& arguments) {
  if (!arguments.positionals().empty() && arguments.positionals().front() == "runs")
    return list_runs(arguments);
  if (arguments.has("run-dir")) throw Error("option '--run-dir' belongs to 'assay list runs'");
  Session session(arguments);
  std::vector<Kind> kinds = collect(session.registry());
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.push_back(kind.name);
  names.emplace_back("runs");
  const auto& words = arguments.positionals();
  if (!words.empty()) {
    const auto chosen = std::ranges::find(kinds, words[0], &Kind::name);
    if (chosen == kinds.end()) {
      throw Error(fmt::format("there is no list of '{}'", words[0]))
          .help(suggestion("list", words[0], names));
    }
    kinds = {*chosen};
  }
  if (words.size() > 1) {
    std::vector<std::string> known;
    for (const Item& item : kinds[0].items) known.push_back(item.name);
    std::erase_if(kinds[0].items, [&](const Item& item) { return item.name != words[1]; });
    if (kinds[0].items.empty()) {
      NothingSelected error(fmt::format("none of the {} is named '{}'", words[0], words[1]));
      error.help(suggestion("name", words[1], known));
      throw error;
    }
  }
  if (arguments.text("format", "text") == "json") {
    Json json = Json::object();
    for (const Kind& kind : kinds) {
      json[kind.name] = Json::array();
      for (const Item& item : kind.items) json[kind.name].push_back(to_json(item));
    }
    fmt::print("{}\n", json.dump(2));
    return kOk;
  }
  for (const Kind& kind : kinds) {
    if (words.empty()) {
      std::vector<std::string> all;
      for (const Item& item : kind.items) all.push_back(item.name);
      fmt::print("{} ({})\n    {}\n", kind.name, all.size(), fmt::join(all, ", "));
    } else {
      for (const Item& item : kind.items) fmt::print("{}", render(item));
    }
  }
  next_step(words.empty() ? "assay list layers dense" : "assay list");
  return kOk;
}

}  // namespace

Command list_command() {
  std::vector<Option> options{{"plugin", 0, "PATH", "load a plugin first", {}, true},
                              {"format", 0, "FORMAT", "how to print", {"text", "json"}},
                              {"run-dir", 'o', "DIR", "where 'list runs' looks, instead of runs"}};
  return {"list",
          "show what is registered, with fields, defaults and formulas, or what has run",
          {{"assay list", "all names"},
           {"assay list layers", "every layer with its fields and parameters"},
           {"assay list ops conv2d", "one op"},
           {"assay list runs", "every run below runs/: status, age, final metrics"}},
          {{"WHAT",
            "layers, activations, losses, optimizers, schedules, initializers, data, backends, ops or runs",
            false},
           {"NAME", "one of them", false}},
          options,
          run_list};
}

}  // namespace assay::cli
