// The assay program: finds the command, parses its words, and turns every outcome into an exit code.
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/core/version.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

void print_error(const Error& error, ColorChoice color) {
  for (const Diagnostic& diagnostic : error.diagnostics()) {
    std::fputs(diagnostic.render(use_color(color, stderr)).c_str(), stderr);
  }
}

std::string overview() {
  std::string text =
      "assay trains neural networks from YAML experiment files on interchangeable backends and proves their "
      "gradients.\n\n"
      "Examples:\n"
      "  assay explain experiments/seed/worked_example.yaml\n"
      "      every step of forward and backward, with formula and numbers\n"
      "  assay run experiments/fashion_mnist/mlp.yaml --backend openmp\n"
      "      train a network\n\n"
      "Usage: assay COMMAND [OPTION]...\n\nCommands:\n";
  for (const Command& command : commands())
    text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  text +=
      "\nassay COMMAND --help shows examples and options of a command.\n"
      "Every command takes --color auto|always|never; NO_COLOR turns colour off.\n"
      "Exit codes: 0 ok, 1 a verification or an expectation failed, 2 usage or configuration error, 3 "
      "internal error,\n"
      "            4 the run failed, 5 nothing was selected, 130 interrupted\n";
  return text;
}

// Takes --color VALUE or --color=VALUE out of the words.
ColorChoice take_color(std::vector<std::string>& words) {
  ColorChoice choice = ColorChoice::automatic;
  for (std::size_t i = 0; i < words.size() && words[i] != "--";) {
    std::string value;
    std::size_t count = 1;
    if (words[i] == "--color") {
      if (i + 1 == words.size()) throw Error("option '--color' wants auto, always or never");
      value = words[i + 1];
      count = 2;
    } else if (words[i].starts_with("--color=")) {
      value = words[i].substr(8);
    } else {
      ++i;
      continue;
    }
    if (value == "always")
      choice = ColorChoice::always;
    else if (value == "never")
      choice = ColorChoice::never;
    else if (value != "auto")
      throw Error("option '--color' has no choice '" + value + "'").help("choices: auto, always, never");
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(i),
                words.begin() + static_cast<std::ptrdiff_t>(i + count));
  }
  return choice;
}

int dispatch(std::vector<std::string> words) {
  if (words.empty()) {
    std::fputs(overview().c_str(), stderr);
    return kUsage;
  }
  const std::string name = words.front();
  if (name == "help" && words.size() > 1) {
    return dispatch({words[1], "--help"});
  }
  if (name == "--help" || name == "-h" || name == "help") {
    std::fputs(overview().c_str(), stdout);
    return kOk;
  }
  if (name == "--version") {
    fmt::print("assay {}\n", version());
    return kOk;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    names.push_back(command.name);
    if (command.name != name) continue;
    words.erase(words.begin());
    for (const std::string& word : words) {
      if (word == "--") break;
      if (word == "--help" || word == "-h") {
        std::fputs(help(command).c_str(), stdout);
        return kOk;
      }
    }
    return command.run(parse(command, words));
  }
  throw Error("unknown command '" + name + "'").help(suggestion("command", name, names));
}

}  // namespace

std::span<const Command> commands() {
  static const std::array all{run_command(),   verify_command(), check_command(),     explain_command(),
                              trace_command(), bench_command(),  list_command(),      doctor_command(),
                              diff_command(),  sweep_command(),  reproduce_command(), plugin_command()};
  return all;
}

// What was printed must have gone somewhere: a full disk is no success.
int finish(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  fmt::print(stderr, "error: standard output cannot be written: {}\n", std::strerror(errno));
  return kRunFailed;
}

int run_main(int argc, char** argv) {
  // Both streams may end in one terminal or file: their lines stay in the order in which they were printed.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  ColorChoice color = ColorChoice::automatic;
  try {
    std::vector<std::string> words(argv + 1, argv + argc);
    color = take_color(words);
    return finish(dispatch(std::move(words)));
  } catch (const NothingSelected& error) {
    print_error(error, color);
    return kNothing;
  } catch (const Error& error) {
    print_error(error, color);
    return kUsage;
  } catch (const std::system_error& error) {  // a stream or a file that fails in the middle
    fmt::print(stderr, "error: {}\n", error.what());
    return kRunFailed;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: there is not enough memory\n");
    return kRunFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr,
               "internal error: {}\nThis is a defect of assay; please report it with the command line.\n",
               error.what());
    return kInternal;
  }
}

// Code of a plugin may end the program by exit(0), which would pass for success.
bool ends_by_itself = false;
const pid_t this_program = ::getpid();  // how a child of it ends is for it to judge

void refuse_foreign_exit() {
  if (ends_by_itself || ::getpid() != this_program) return;
  std::fputs("error: something that was loaded, a plugin or a library, ended the program\n", stderr);
  std::_Exit(kInternal);
}

}  // namespace assay::cli

// What a plugin calls. It is refused here, before any handler runs: they would take away what other threads
// are using.
extern "C" void exit(int code) noexcept {
  assay::cli::refuse_foreign_exit();
  reinterpret_cast<void (*)(int)>(::dlsym(RTLD_NEXT, "exit"))(code);
  __builtin_unreachable();
}

int main(int argc, char** argv) {
  std::atexit(assay::cli::refuse_foreign_exit);
  const int code = assay::cli::run_main(argc, argv);
  assay::cli::ends_by_itself = true;
  return code;
}
