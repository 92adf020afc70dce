#include "assay/core/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "assay/core/error.h"

namespace assay {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void become_program(char* const* words, char* const* environment, int output, int errors,
                                 pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it ended before it could be bound to
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output < 0 ? nothing : output, STDOUT_FILENO);
  ::dup2(errors < 0 ? nothing : errors, STDERR_FILENO);
  ::execve(words[0], words, environment);
  ::_exit(127);
}

// A descriptor that is closed at the end of its scope.
struct OutputFile {
  int number;
  ~OutputFile() { ::close(number); }
};

OutputFile open_output(const std::filesystem::path& path) {
  const int number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (number < 0) throw Error(fmt::format("'{}' cannot be written: {}", path.string(), std::strerror(errno)));
  return {number};
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words, const Surroundings& surroundings) {
  const std::vector<char*> arguments = pointers_to(words);
  std::vector<char*> variables;
  if (surroundings.environment) variables = pointers_to(*surroundings.environment);
  char* const* const environment = surroundings.environment ? variables.data() : ::environ;
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0)
    become_program(arguments.data(), environment, surroundings.output, surroundings.errors, parent);
  if (pid_ < 0) {
    pid_ = 0;
    throw Error(fmt::format("no process can be started: {}", std::strerror(errno)));
  }
  ::setpgid(pid_, pid_);  // here and there: whichever comes first
}

ChildProcess::ChildProcess(const std::vector<std::string>& words, const std::filesystem::path& output) {
  const OutputFile file = open_output(output);
  *this = ChildProcess(words, {.output = file.number, .errors = file.number, .environment = {}});
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::optional<ProcessEnd> ChildProcess::poll() {
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  if (WIFSIGNALED(status)) return ProcessEnd{0, WTERMSIG(status)};
  return ProcessEnd{WEXITSTATUS(status), 0};
}

void ChildProcess::send(int signal) const {
  if (pid_ != 0) ::kill(pid_, signal);
}

}  // namespace assay
