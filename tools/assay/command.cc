#include "assay/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>

#include "assay/core/error.h"

namespace assay::cli {
namespace {

namespace po = boost::program_options;

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names;
  for (const Option& option : command.options) names.push_back("--" + option.name);
  names.emplace_back("--color");
  names.emplace_back("--help");
  return names;
}

Error usage_error(const Command& command, const std::string& message) {
  return Error(message).note(fmt::format("assay {} --help shows its options", command.name));
}

po::options_description describe(const Command& command) {
  po::options_description description;
  for (const Option& option : command.options) {
    const std::string names =
        option.letter != 0 ? fmt::format("{},{}", option.name, option.letter) : option.name;
    if (option.value.empty()) {
      description.add_options()(names.c_str(), po::bool_switch());
    } else {
      description.add_options()(names.c_str(), po::value<std::vector<std::string>>());
    }
  }
  return description;
}

void check_value(const Command& command, const Option& option, const std::string& value) {
  if (value.starts_with("--")) {
    throw usage_error(command, fmt::format("option '--{}' wants {}, but the next word is '{}'", option.name,
                                           option.value, value));
  }
  if (!option.choices.empty() && std::ranges::find(option.choices, value) == option.choices.end()) {
    throw usage_error(command, fmt::format("option '--{}' has no choice '{}'", option.name, value))
        .help(suggestion("choice", value, option.choices));
  }
}

}  // namespace

std::string Arguments::text(std::string_view option, std::string_view fallback) const {
  const auto it = values_.find(option);
  return it == values_.end() ? std::string(fallback) : it->second.back();
}

std::vector<std::string> Arguments::all(std::string_view option) const {
  const auto it = values_.find(option);
  return it == values_.end() ? std::vector<std::string>{} : it->second;
}

std::optional<std::int64_t> Arguments::integer(std::string_view option, std::int64_t minimum,
                                               std::int64_t maximum) const {
  if (!has(option)) return std::nullopt;
  const std::string value = text(option);
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size() || number < minimum || number > maximum) {
    throw Error(
        fmt::format("option '--{}' wants an integer in [{}, {}], not '{}'", option, minimum, maximum, value));
  }
  return number;
}

std::vector<std::string> listed(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Arguments parse(const Command& command, std::span<const std::string> words) {
  const std::vector<std::string> all(words.begin(), words.end());
  po::variables_map map;
  std::vector<std::string> positionals;
  const po::options_description description = describe(command);  // outlives what parsing refers to
  try {
    namespace style = po::command_line_style;
    const auto parsed = po::command_line_parser(all)
                            .options(description)
                            .style(style::unix_style & ~style::allow_guessing)
                            .run();
    positionals = po::collect_unrecognized(parsed.options, po::include_positional);
    po::store(parsed, map);
  } catch (const po::unknown_option& unknown) {
    throw usage_error(command, fmt::format("unknown option '{}'", unknown.get_option_name()))
        .help(suggestion("option", unknown.get_option_name(), option_names(command)));
  } catch (const po::error_with_option_name& error) {
    throw usage_error(command, error.what());
  } catch (const po::error& error) {
    throw usage_error(command, error.what());
  }

  Arguments arguments;
  for (const Option& option : command.options) {
    const po::variable_value& value = map[option.name];
    if (value.empty()) continue;
    if (option.value.empty()) {
      if (value.as<bool>()) arguments.values_[option.name] = {"true"};
      continue;
    }
    const auto& values = value.as<std::vector<std::string>>();
    for (const std::string& text : values) check_value(command, option, text);
    if (values.size() > 1 && !option.repeated) {
      throw usage_error(command, fmt::format("option '--{}' is given {} times", option.name, values.size()));
    }
    arguments.values_[option.name] = values;
  }

  std::size_t least = 0;
  bool open = false;
  for (const Positional& positional : command.positionals) {
    if (positional.required) ++least;
    open = open || positional.repeated;
  }
  if (positionals.size() < least) {
    throw usage_error(command,
                      fmt::format("'{}' is missing: {}", command.positionals[positionals.size()].name,
                                  command.positionals[positionals.size()].summary));
  }
  if (!open && positionals.size() > command.positionals.size()) {
    throw usage_error(command,
                      fmt::format("'{}' is one word too many", positionals[command.positionals.size()]));
  }
  arguments.positionals_ = std::move(positionals);
  return arguments;
}

std::string help(const Command& command) {
  std::string text = fmt::format("assay {} — {}\n\nExamples:\n", command.name, command.summary);
  for (const Example& example : command.examples)
    text += fmt::format("  {}\n      {}\n", example.command, example.what);
  text += fmt::format("\nUsage: assay {}", command.name);
  for (const Positional& positional : command.positionals) {
    const std::string name = positional.name + (positional.repeated ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  text += command.options.empty() ? "\n" : " [OPTION]...\n";
  for (const Positional& positional : command.positionals) {
    text += fmt::format("\n  {:<26} {}", positional.name, positional.summary);
  }
  if (!command.positionals.empty()) text += "\n";
  text += "\nOptions:\n";
  for (const Option& option : command.options) {
    std::string names = option.letter != 0 ? fmt::format("-{}, --{}", option.letter, option.name)
                                           : fmt::format("    --{}", option.name);
    if (!option.value.empty()) names += " " + option.value;
    text += fmt::format("  {:<26} {}", names, option.summary);
    if (!option.choices.empty()) text += fmt::format(" ({})", join(option.choices));
    if (option.repeated) text += "; may be given several times";
    text += "\n";
  }
  text += fmt::format("  {:<26} {}\n", "    --color WHEN",
                      "auto, always or never; NO_COLOR turns colour off too");
  text += fmt::format("  {:<26} {}\n", "-h, --help", "show this help");
  if (!command.details.empty()) text += "\n" + command.details;
  return text;
}

std::vector<Option> experiment_options() {
  return {
      {"set", 's', "KEY=VALUE", "override a key of the file, such as optimizer.learning_rate=0.01", {}, true},
      {"backend", 0, "NAME", "compute on this backend, whatever the file says"},
      {"seed", 0, "N", "everything random follows from this seed, whatever the file says"},
      {"plugin", 0, "PATH", "load a plugin before reading the file", {}, true}};
}

}  // namespace assay::cli
