#include "assay/verify/crash.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace assay::verify {
namespace {

// A handler may neither allocate nor lock: texts lie in places of fixed size, as many as threads that judge
// at a time; what finds none is not named.
constexpr int kPlaces = 256;
constexpr std::size_t kLength = 400;
struct Place {
  std::atomic<bool> taken{false};
  std::atomic<std::size_t> length{0};
  char text[kLength];
};
Place places[kPlaces];
thread_local int own = -1;
int exit_code_of_crash = 1;

void say(const char* text, std::size_t length) {
  while (length > 0) {
    const ssize_t written = ::write(STDERR_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= static_cast<std::size_t>(written);
  }
}
void say(const char* text) { say(text, std::strlen(text)); }

void say(const Place& place) {
  const std::size_t length = place.length;
  if (length == 0) return;
  say("FAILED ");
  say(place.text, length);
  say("\n");
}

const char* name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

bool anything_is_judged() {
  return std::ranges::any_of(places, [](const Place& place) { return place.length > 0; });
}

void say_what_is_judged() {
  say("\n");
  if (own >= 0) {
    say(places[own]);
  } else {
    for (const Place& place : places) say(place);
  }
}

void on_crash(int signal) {
  const bool any = anything_is_judged();
  say_what_is_judged();
  say(any ? "  crashed (" : "FAILED: crashed (");
  say(name_of(signal));
  say(own >= 0 ? "): while this was judged, or by memory that was written before\n"
      : any    ? "): while these were judged, by a thread of its own\n"
               : "): while no check was judged, perhaps by memory that was written before\n");
  ::_exit(exit_code_of_crash);
}

void on_exit() {
  if (!anything_is_judged()) return;
  say_what_is_judged();
  say("  ended the process by exit() while this was judged\n");
  ::_exit(exit_code_of_crash);
}

// A handler needs a stack of its own where the thread's is used up. (A sanitizer has given it one.)
void give_this_thread_a_second_stack() {
  constexpr std::size_t kBytes = 32 * 1024;
  thread_local std::unique_ptr<char[]> second;
  stack_t given{};
  if (second || sigaltstack(nullptr, &given) != 0 || (given.ss_flags & SS_DISABLE) == 0) return;
  second = std::make_unique<char[]>(kBytes);
  given = {};
  given.ss_sp = second.get();
  given.ss_size = kBytes;
  sigaltstack(&given, nullptr);
}

}  // namespace

Judging::Judging(const std::string& id) {
  if (own >= 0) return;  // a part of what is being judged already
  for (int i = 0; i < kPlaces; ++i) {
    if (places[i].taken.exchange(true)) continue;
    const std::size_t length = std::min(id.size(), kLength);
    std::memcpy(places[i].text, id.data(), length);
    places[i].length = length;
    own = place_ = i;
    give_this_thread_a_second_stack();
    return;
  }
}

Judging::~Judging() {
  if (place_ < 0) return;
  own = -1;
  places[place_].length = 0;
  places[place_].taken = false;
}

void name_what_crashes(int exit_code) {
  exit_code_of_crash = exit_code;
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(signal, &action, nullptr);
  std::atexit(on_exit);
}

}  // namespace assay::verify
