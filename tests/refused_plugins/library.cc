// A library that a plugin links, which crashes where HOSTILE says so.
#include <csignal>
#include <cstdlib>
#include <cstring>

int answer_of_the_library() {
  const char* const how = std::getenv("HOSTILE");
  if (how != nullptr && std::strcmp(how, "crash library") == 0) std::raise(SIGSEGV);
  return 42;
}
