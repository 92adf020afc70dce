// Sets ASSAY_ISA for the length of a scope and restores what was there.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "assay/core/isa.h"

namespace assay::test {

class ForcedIsa {
 public:
  /// nullptr: unset.
  explicit ForcedIsa(const char* value) {
    if (const char* before = std::getenv("ASSAY_ISA")) before_ = before;
    value == nullptr ? unsetenv("ASSAY_ISA") : setenv("ASSAY_ISA", value, 1);
  }
  explicit ForcedIsa(Isa isa) : ForcedIsa(std::string(name_of(isa)).c_str()) {}
  ~ForcedIsa() { before_ ? setenv("ASSAY_ISA", before_->c_str(), 1) : unsetenv("ASSAY_ISA"); }
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace assay::test
