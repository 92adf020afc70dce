// Diagnostics: collects what is wrong with an input, so that all of it is reported at once, in the order of
// the file.
#pragma once

#include <concepts>
#include <cstddef>
#include <vector>

#include "assay/core/error.h"

namespace assay {

class Diagnostics {
 public:
  static constexpr std::size_t kLimit = 20;  ///< shown; further ones are only counted

  void add(Diagnostic diagnostic);
  /// Adds make(), which is called only where it will be shown: an input may have a million errors.
  template <std::invocable Make>
  void add(Make&& make) {
    if (kept_.size() < kLimit) {
      add(Diagnostic(make()));
    } else {
      ++count_;
    }
  }
  /// Adds every diagnostic of an error that was caught.
  void add(const Error& error);

  bool empty() const noexcept { return count_ == 0; }
  /// All that were added, including those that are only counted.
  std::size_t count() const noexcept { return count_; }

  /// Throws one Error with the collected diagnostics, by place within each file (files in the order in which
  /// they first appeared, diagnostics without a place last), ending in "… and N more errors". Does nothing
  /// where there are none.
  void throw_if_any() const;

 private:
  std::vector<Diagnostic> kept_;
  std::size_t count_ = 0;
};

}  // namespace assay
