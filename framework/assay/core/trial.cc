#include "assay/core/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "assay/core/error.h"

namespace assay {
namespace {

// Of a child that was asked to exit and did: no code that something else in it would choose.
constexpr int kExitCode = 119;

// The child's report: records of a letter, a length and that many bytes. 'p': a phase begins; 'd': done with
// this result; 'x': an exception with this text.
void write_record(int pipe, char letter, const std::string& text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  std::string record(1, letter);
  record.append(reinterpret_cast<const char*>(&length), sizeof length);
  record += text;
  for (std::size_t done = 0; done < record.size();) {
    const ssize_t written = ::write(pipe, record.data() + done, record.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    done += static_cast<std::size_t>(written);
  }
}

[[noreturn]] void child(int pipe, const std::function<std::string(const NamePhase&)>& task,
                        TrialEnding ending) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // an interrupt from the terminal reaches the parent alone
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGINT, SIGTERM, SIGALRM, SIGPIPE})
    std::signal(number, SIG_DFL);
  if (const int nothing = ::open("/dev/null", O_RDONLY); nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  try {
    write_record(pipe, 'd', task([&](const std::string& phase) { write_record(pipe, 'p', phase); }));
    if (ending == TrialEnding::by_exit) {
      write_record(pipe, 'p', "the program ended");
      std::exit(kExitCode);
    }
  } catch (const std::exception& error) {
    write_record(pipe, 'x', error.what());
  } catch (...) {
    write_record(pipe, 'x', "an exception that is no std::exception");
  }
  std::fflush(nullptr);
  ::_exit(0);
}

// Takes whole records off the front of `bytes`. True once the task has ended by itself.
bool take_records(std::string& bytes, TrialResult& result) {
  bool ended = false;
  for (std::uint32_t length = 0; bytes.size() >= 1 + sizeof length;) {
    std::memcpy(&length, bytes.data() + 1, sizeof length);
    if (bytes.size() < 1 + sizeof length + length) break;
    const char letter = bytes[0];
    std::string text = bytes.substr(1 + sizeof length, length);
    bytes.erase(0, 1 + sizeof length + length);
    if (letter == 'p') {
      result.phase = std::move(text);
      continue;
    }
    result.end = letter == 'd' ? TrialResult::End::finished : TrialResult::End::threw;
    result.message = std::move(text);
    ended = true;
  }
  return ended;
}

}  // namespace

TrialResult try_in_child(const std::function<std::string(const NamePhase&)>& task,
                         std::chrono::milliseconds limit, TrialEnding ending) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0)
    throw Error(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  std::fflush(nullptr);  // or the child would write what waits in the buffers once more
  const pid_t pid = ::fork();
  if (pid < 0) {
    ::close(pipe[0]);
    ::close(pipe[1]);
    throw Error(fmt::format("no child process can be made: {}", std::strerror(errno)));
  }
  if (pid == 0) {
    ::close(pipe[0]);
    child(pipe[1], task, ending);
  }
  ::setpgid(pid, pid);  // here and there: whichever comes first
  ::close(pipe[1]);
  auto deadline = std::chrono::steady_clock::now() + limit;
  TrialResult result;
  std::string bytes;
  // The task has said how it ended; that was all that was asked for; the child is gone; it took too long.
  bool reported = false, done = false, ended = false, hung = false;
  int status = 0;
  // Until nothing more is to come, or nobody can write to the pipe any more, or the child is gone: a
  // grandchild may hold the pipe open.
  while (!done && !hung) {
    pollfd waiting{pipe[0], POLLIN, 0};
    ::poll(&waiting, 1, 20);
    if ((waiting.revents & (POLLIN | POLLHUP)) != 0) {
      char buffer[4096];
      const ssize_t read = ::read(pipe[0], buffer, sizeof buffer);
      if (read > 0) {  // a phase begins, or more of the report comes
        bytes.append(buffer, static_cast<std::size_t>(read));
        deadline = std::chrono::steady_clock::now() + limit;
      }
      reported = take_records(bytes, result) || reported;
      done = reported && (ending == TrialEnding::at_once || result.end == TrialResult::End::threw);
      if (read > 0) continue;
      if (read == 0) break;
    }
    if (ended) break;  // and nothing was left in the pipe
    ended = ::waitpid(pid, &status, WNOHANG) == pid;
    hung = !ended && std::chrono::steady_clock::now() > deadline;
  }
  ::close(pipe[0]);
  if (!ended && !done && !hung) {  // the pipe is closed: the end is near, or the child closed it and goes on
    while (!(ended = ::waitpid(pid, &status, WNOHANG) == pid) && std::chrono::steady_clock::now() < deadline)
      ::usleep(1000);
    hung = !ended;
  }
  ::kill(-pid, SIGKILL);  // with what it may have started
  if (!ended) ::waitpid(pid, &status, 0);
  if (done) return result;
  if (hung) {
    result.end = TrialResult::End::hung;
    result.message = fmt::format("more than {} s", std::chrono::duration<double>(limit).count());
  } else if (WIFSIGNALED(status)) {
    result.end = TrialResult::End::crashed;
    result.message = fmt::format("signal {}, {}", WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else if (!reported || WEXITSTATUS(status) != kExitCode) {
    result.end = TrialResult::End::exited;
    result.message = fmt::format("exit code {}", WEXITSTATUS(status));
  }
  return result;
}

}  // namespace assay
