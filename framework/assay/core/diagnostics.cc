#include "assay/core/diagnostics.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

namespace assay {

void Diagnostics::add(Diagnostic diagnostic) {
  ++count_;
  if (kept_.size() < kLimit) kept_.push_back(std::move(diagnostic));
}

void Diagnostics::add(const Error& error) {
  for (const Diagnostic& diagnostic : error.diagnostics()) add(diagnostic);
}

void Diagnostics::throw_if_any() const {
  if (empty()) return;
  std::vector<std::string> files;
  const auto file_rank = [&](const Diagnostic& diagnostic) {
    if (!diagnostic.where) return kLimit;
    const auto rank =
        static_cast<std::size_t>(std::ranges::find(files, diagnostic.where->file) - files.begin());
    if (rank == files.size()) files.push_back(diagnostic.where->file);
    return rank;
  };
  std::vector<std::tuple<std::size_t, int, int, std::size_t>> order;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const auto& where = kept_[i].where;
    order.emplace_back(file_rank(kept_[i]), where ? where->line : 0, where ? where->column : 0, i);
  }
  std::ranges::sort(order);
  std::vector<Diagnostic> sorted;
  for (const auto& [file, line, column, i] : order) sorted.push_back(kept_[i]);
  if (count_ > kept_.size()) {
    const std::size_t more = count_ - kept_.size();
    sorted.emplace_back().message =
        "… and " + std::to_string(more) + (more == 1 ? " more error" : " more errors");
  }
  throw Error(std::move(sorted));
}

}  // namespace assay
