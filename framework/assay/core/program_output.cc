#include "assay/core/program_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "assay/core/child_process.h"
#include "assay/core/error.h"

namespace assay {
namespace {

using ProgramClock = std::chrono::steady_clock;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_writing() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

constexpr useconds_t kEndPoll = 200;  // microseconds

}  // namespace

ProgramOutput run_program(const std::vector<std::string>& words,
                          const std::optional<std::vector<std::string>>& environment,
                          const ProgramLimits& limits, bool with_errors) {
  Pipe pipe;
  ChildProcess child(words, {pipe.writing(), with_errors ? pipe.writing() : -1, environment});
  pipe.close_writing();
  const auto deadline = ProgramClock::now() + limits.time;
  ProgramOutput output;
  for (bool open = true; open;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - ProgramClock::now());
    if (left.count() <= 0) return {ProgramOutput::End::too_slow, 0, ""};
    pollfd waiting{pipe.reading(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<char, 1 << 14> buffer;
    const ssize_t got = ::read(pipe.reading(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    open = got > 0;
    if (open) output.text.append(buffer.data(), static_cast<std::size_t>(got));
    if (output.text.size() > limits.bytes) return {ProgramOutput::End::too_long, 0, ""};
  }
  // It closed its output: its end is near, or it is not.
  while (true) {
    if (const auto end = child.poll()) {
      output.end = end->signal != 0 ? ProgramOutput::End::killed : ProgramOutput::End::exited;
      output.exit_code = end->exit_code;
      return output;
    }
    if (ProgramClock::now() > deadline) return {ProgramOutput::End::too_slow, 0, ""};
    ::usleep(kEndPoll);
  }
}

std::filesystem::path find_program(std::string_view name) {
  const char* const variable = std::getenv("PATH");
  const std::string_view folders = variable == nullptr ? "/usr/bin:/bin" : variable;
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    const std::filesystem::path file = std::filesystem::path(folders.substr(at, end - at)) / name;
    std::error_code missing;
    // A relative folder would depend on where this process stands.
    if (file.is_absolute() && std::filesystem::is_regular_file(file, missing) &&
        ::access(file.c_str(), X_OK) == 0)
      return file;
    at = end + 1;
  }
  return {};
}

}  // namespace assay
