#include "assay/bench/worker.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "assay/core/error.h"

namespace assay::bench {
namespace {

using Json = nlohmann::ordered_json;

// Messages go both ways as a letter, a length and that many bytes: 'q' a request, 'a' its answer, 'x' an
// Error, as its diagnostics.
struct Message {
  char kind = 0;
  std::string text;
};

bool transfer(ssize_t (*call)(int, void*, std::size_t), int socket, void* data, std::size_t bytes) {
  for (auto* at = static_cast<char*>(data); bytes > 0;) {
    const ssize_t done = call(socket, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

ssize_t send_some(int socket, void* data, std::size_t bytes) {
  return ::send(socket, data, bytes, MSG_NOSIGNAL);
}
ssize_t receive_some(int socket, void* data, std::size_t bytes) { return ::recv(socket, data, bytes, 0); }

bool send(int socket, Message message) {
  std::uint64_t length = message.text.size();
  return transfer(send_some, socket, &message.kind, 1) &&
         transfer(send_some, socket, &length, sizeof length) &&
         transfer(send_some, socket, message.text.data(), message.text.size());
}

std::optional<Message> receive(int socket) {
  Message message;
  std::uint64_t length = 0;
  if (!transfer(receive_some, socket, &message.kind, 1)) return std::nullopt;
  if (!transfer(receive_some, socket, &length, sizeof length)) return std::nullopt;
  message.text.resize(length);
  if (!transfer(receive_some, socket, message.text.data(), length)) return std::nullopt;
  return message;
}

std::string to_text(const Error& error) {
  Json all = Json::array();
  for (const Diagnostic& d : error.diagnostics()) {
    Json json{{"message", d.message},
              {"label", d.label},
              {"context", d.context},
              {"help", d.help},
              {"notes", d.notes}};
    if (d.where)
      json["where"] = {d.where->file, d.where->line, d.where->column, d.where->length, d.where->text};
    all.push_back(std::move(json));
  }
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error to_error(const std::string& text) {
  std::vector<Diagnostic> diagnostics;
  for (const Json& json : Json::parse(text)) {
    Diagnostic d;
    d.message = json.at("message");
    d.label = json.at("label");
    d.context = json.at("context").get<std::vector<std::string>>();
    d.help = json.at("help").get<std::vector<std::string>>();
    d.notes = json.at("notes").get<std::vector<std::string>>();
    if (json.contains("where")) {
      const Json& w = json["where"];
      d.where = SourceRange{w[0], w[1], w[2], w[3], w[4]};
    }
    diagnostics.push_back(std::move(d));
  }
  return Error(std::move(diagnostics));
}

[[noreturn]] void serve(int socket, const std::function<Worker::Answer()>& make) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  Worker::Answer answer;
  while (const std::optional<Message> request = receive(socket)) {
    Message reply{'a', {}};
    try {
      if (!answer) answer = make();
      reply.text = answer(request->text);
    } catch (const Error& error) {
      reply = {'x', to_text(error)};
    } catch (const std::exception& error) {
      reply = {'x', to_text(Error(fmt::format("internal: {}", error.what())))};
    }
    if (!send(socket, std::move(reply))) break;
  }
  ::_exit(0);  // no destructors: they belong to the parent
}

}  // namespace

Worker::Worker(const std::function<Answer()>& make) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    throw Error(fmt::format("no socket can be made: {}", std::strerror(errno)));
  std::fflush(nullptr);  // or the child would write what waits in the buffers once more
  pid_ = ::fork();
  if (pid_ < 0) {
    ::close(sockets[0]);
    ::close(sockets[1]);
    throw Error(fmt::format("no child process can be made: {}", std::strerror(errno)));
  }
  if (pid_ == 0) {
    ::close(sockets[0]);
    serve(sockets[1], make);
  }
  ::close(sockets[1]);
  socket_ = sockets[0];
}

Worker::~Worker() {
  ::close(socket_);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Worker::ask(const std::string& request) {
  std::optional<Message> reply;
  if (send(socket_, {'q', request})) reply = receive(socket_);
  if (!reply) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    throw Error(info.si_code == CLD_EXITED
                    ? fmt::format("the process that was measured ended with exit code {}", info.si_status)
                    : fmt::format("the process that was measured was killed by signal {}, {}", info.si_status,
                                  strsignal(info.si_status)));
  }
  if (reply->kind == 'x') throw to_error(reply->text);
  return std::move(reply->text);
}

}  // namespace assay::bench
