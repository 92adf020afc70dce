// A command of the assay program as data. One table of these makes the parser, --help, and the list of
// commands.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"

namespace assay::cli {

enum ExitCode : int {
  kOk = 0,
  kCheckFailed = 1,  ///< a verification or an `expect:` failed
  kUsage = 2,        ///< usage or configuration error
  kInternal = 3,
  kRunFailed = 4,  ///< NaN, input/output
  kNothing = 5,    ///< nothing was selected
  kInterrupted = 130
};

struct Option {
  std::string name;     ///< "backend"
  char letter = 0;      ///< 'b' for -b, or 0
  std::string value{};  ///< what the value is called in the help: "NAME"; empty: a switch
  std::string summary{};
  std::vector<std::string> choices{};
  bool repeated = false;
};

struct Positional {
  std::string name;  ///< "FILE"
  std::string summary;
  bool required = true;
  bool repeated = false;
};

/// What the command line says, checked against the command's table.
class Arguments {
 public:
  bool has(std::string_view option) const { return values_.contains(option); }
  /// The last value given, or `fallback`.
  std::string text(std::string_view option, std::string_view fallback = "") const;
  std::vector<std::string> all(std::string_view option) const;
  /// Throws Error where the value is no integer in [minimum, maximum].
  std::optional<std::int64_t> integer(std::string_view option, std::int64_t minimum,
                                      std::int64_t maximum) const;
  const std::vector<std::string>& positionals() const { return positionals_; }

 private:
  friend Arguments parse(const struct Command&, std::span<const std::string>);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positionals_;
};

struct Example {
  std::string command;
  std::string what;
};

struct Command {
  std::string name;
  std::string summary;
  std::vector<Example> examples;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  int (*run)(const Arguments&);
  std::string details{};  ///< lines that the help ends with
};

/// What was asked for by name does not exist: exit code kNothing.
class NothingSelected : public Error {
 public:
  using Error::Error;
};

/// The parts of a list "a,b,c"; empty ones are left out.
std::vector<std::string> listed(std::string_view text);

/// Parses the words after the command's name. Options may stand anywhere; "--" ends them. Throws Error for an
/// unknown option (with the nearest), a missing or surplus value, a value that looks like an option, an
/// unknown choice, a missing operand.
Arguments parse(const Command& command, std::span<const std::string> words);

/// The help of one command: examples first.
std::string help(const Command& command);

/// All commands, in the order in which the help lists them.
std::span<const Command> commands();

// Each in a file of its own name.
Command bench_command();
Command check_command();
Command diff_command();
Command doctor_command();
Command explain_command();
Command list_command();
Command plugin_command();
Command reproduce_command();
Command run_command();
Command sweep_command();
Command trace_command();
Command verify_command();

/// The options that every command with an experiment takes: --set, --backend, --seed, --plugin.
std::vector<Option> experiment_options();

}  // namespace assay::cli
