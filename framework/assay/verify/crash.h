// A kernel may take the process down. What it was that was being judged is said before.
#pragma once

#include <string>

namespace assay::verify {

/// While it lives, this thread judges `id`.
class Judging {
 public:
  explicit Judging(const std::string& id);
  ~Judging();
  Judging(const Judging&) = delete;
  Judging& operator=(const Judging&) = delete;

 private:
  int place_ = -1;
};

/// From now on a signal that would end the process by a fault of its code (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
/// SIGABRT) names on stderr what is being judged, by this thread or, on a thread of a kernel's own, by any,
/// and ends it with `exit_code`; so does an exit() while something is judged. A stack that a thread that
/// judges has used up is such a fault.
void name_what_crashes(int exit_code);

}  // namespace assay::verify
