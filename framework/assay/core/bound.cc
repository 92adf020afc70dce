#include "assay/core/bound.h"

namespace assay {

FunctionContract& function_contract() noexcept {
  thread_local FunctionContract contract;
  return contract;
}

double& largest_sum() noexcept {
  thread_local double largest = 0;
  return largest;
}

}  // namespace assay
