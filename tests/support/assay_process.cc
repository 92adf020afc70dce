#include "support/assay_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace assay::test {
namespace {

// A file in memory, which disappears with its descriptors.
class Capture {
 public:
  Capture() {
    descriptor_ = ::memfd_create("output", MFD_CLOEXEC);
    if (descriptor_ < 0) throw std::runtime_error("no file can be made in memory");
  }
  ~Capture() { ::close(descriptor_); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  int descriptor() const { return descriptor_; }
  std::string text() const {
    std::string all;
    char block[1 << 16];
    for (ssize_t n; (n = ::pread(descriptor_, block, sizeof block, static_cast<off_t>(all.size()))) > 0;)
      all.append(block, static_cast<std::size_t>(n));
    return all;
  }

 private:
  int descriptor_;
};

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* words, char* const* environment, const ProcessOptions& options, int out,
                         int err) {
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
#ifndef ASSAY_SANITIZED  // a sanitizer reserves terabytes for itself
  if (options.memory != 0) {
    const rlimit limit{options.memory, options.memory};
    ::setrlimit(RLIMIT_AS, &limit);
  }
#endif
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execve(words[0], words, environment);
  ::_exit(127);
}

std::vector<std::string> environment_of(const ProcessOptions& options) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (!options.environment.contains(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

ProcessResult run_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  const Capture out, err;
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of(options);
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process can be started");
  if (child == 0) become(argv.data(), envp.data(), options, out.descriptor(), err.descriptor());

  ProcessResult result;
  const auto end = std::chrono::steady_clock::now() + options.limit;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      result.timed_out = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = out.text();
  result.err = err.text();
  return result;
}

ProcessResult run_assay(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  return run_process(assay_binary(), arguments, options);
}

std::filesystem::path assay_binary() { return ASSAY_BINARY; }

std::filesystem::path source_file(const std::string& name) {
  return std::filesystem::path(ASSAY_SOURCE_DIR) / name;
}

std::string describe(const ProcessResult& result) {
  return fmt::format("exit code {}{}\nstdout:\n{}\nstderr:\n{}\n", result.exit_code,
                     result.timed_out ? " (timed out)" : "", result.out, result.err);
}

}  // namespace assay::test
