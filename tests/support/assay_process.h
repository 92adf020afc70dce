// Runs the assay program as its user does: a child process with its own arguments, environment and working
// folder, of which the exit code and both streams are kept.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace assay::test {

struct ProcessResult {
  int exit_code = -1;  ///< 128 + the signal, as a shell says it, where one ended the process
  std::string out;
  std::string err;
  bool timed_out = false;
};

struct ProcessOptions {
  std::filesystem::path folder{};                    ///< working directory; empty: this process's
  std::map<std::string, std::string> environment{};  ///< added to this process's
  std::chrono::seconds limit{120};                   ///< then it is killed
  std::size_t memory = 0;                            ///< bytes of address space; 0, or under a sanitizer: no limit
};

/// Runs `program` with these arguments. Both streams go to files, so that neither can block it.
ProcessResult run_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

/// Runs the assay program of this build.
ProcessResult run_assay(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

/// The program of this build.
std::filesystem::path assay_binary();

/// A file of the source tree, such as "experiments/seed/batch.yaml".
std::filesystem::path source_file(const std::string& name);

/// The exit code and both streams, for the message of a failed test.
std::string describe(const ProcessResult& result);

}  // namespace assay::test
