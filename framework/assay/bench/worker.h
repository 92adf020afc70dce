// Worker: a copy of this process that answers requests. What is measured there has its own memory, its own
// threads and its own caches of libraries, and does nothing while another one is asked.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace assay::bench {

class Worker {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  /// Starts the copy, which calls `make` at the first request and then answers with what it made. Its
  /// standard output goes to standard error. To be called before this process has started threads: a copy
  /// has none but its own. Throws Error where no process can be made.
  explicit Worker(const std::function<Answer()>& make);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Ends the copy.
  ~Worker();

  /// Throws the Error that the copy threw, with its diagnostics, or one that says how the copy ended.
  std::string ask(const std::string& request);

 private:
  int socket_ = -1;
  pid_t pid_ = 0;
};

}  // namespace assay::bench
