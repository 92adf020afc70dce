#include "assay/core/bound.h"

namespace assay {

FunctionContract& function_contract() noexcept {
  thread_local FunctionContract contract;
  return contract;
}

}  // namespace assay
