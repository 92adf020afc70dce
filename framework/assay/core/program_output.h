// Asks another program: runs it to its end, within limits, and takes what it prints.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct ProgramLimits {
  std::size_t bytes = std::size_t{1} << 16;  ///< of output
  std::chrono::milliseconds time{10'000};
};

struct ProgramOutput {
  enum class End : std::uint8_t { exited, killed, too_long, too_slow };
  End end = End::exited;
  int exit_code = 0;
  std::string text;  ///< of standard output; within the limit

  bool ok() const { return end == End::exited && exit_code == 0; }
};

/// Runs the file `words[0]` with the other words as its arguments and that environment; where it exceeds a
/// limit it is killed. `with_errors`: what it writes to standard error is taken, too. Throws Error where no
/// process can be made.
ProgramOutput run_program(const std::vector<std::string>& words,
                          const std::optional<std::vector<std::string>>& environment,
                          const ProgramLimits& limits, bool with_errors = false);

/// The file that a shell would run by that name: the first in PATH that may be executed, or empty.
std::filesystem::path find_program(std::string_view name);

}  // namespace assay
