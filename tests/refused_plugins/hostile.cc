// A plugin that misbehaves as the environment variable HOSTILE says: "crash load", "exit constructor", ...
#include <assay/registry/plugin_abi.h>
#include <unistd.h>

#include <cfenv>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace {

void misbehave(const char* where) {
  const char* const how = std::getenv("HOSTILE");
  if (how == nullptr || std::strstr(how, where) == nullptr) return;
  if (std::strncmp(how, "crash", 5) == 0) std::raise(SIGSEGV);
  if (std::strncmp(how, "abort", 5) == 0) std::abort();
  if (std::strncmp(how, "exit", 4) == 0) std::exit(0);
  if (std::strncmp(how, "round", 5) == 0) std::fesetround(FE_UPWARD);
  if (std::strncmp(how, "throw", 5) == 0) throw 42;
  if (std::strncmp(how, "hang", 4) == 0) {
    for (;;) ::pause();
  }
}

struct Constructed {
  Constructed() { misbehave("constructor"); }
  ~Constructed() { misbehave("destructor"); }
} constructed;

}  // namespace

ASSAY_PLUGIN("hostile", "0.1", registry) { misbehave("load"); }
