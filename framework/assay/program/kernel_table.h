// KernelTable: the kernels that a backend looks its offers up in, by op name. Built-in kernels and those that
// a plugin adds to an existing backend stand in the same table; the newest is asked first.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assay/program/backend.h"

namespace assay {

using OfferRule = std::function<Offer(const Site&)>;

class KernelTable {
 public:
  struct Entry {
    OfferRule offer;
    std::string owner;
  };

  void add(std::string_view op, OfferRule offer, std::string_view owner) {
    entries_[std::string(op)].insert(entries_[std::string(op)].begin(),
                                     Entry{std::move(offer), std::string(owner)});
  }

  /// The first plan among the entries for the site's first op, or the reasons of all that refused.
  Offer offer(const Site& site) const {
    const auto it = entries_.find(site.op().name);
    if (it == entries_.end()) return Refusal{"no kernel for op '" + site.op().name + "'"};
    Refusal refusal;
    for (const Entry& entry : it->second) {
      Offer answer = entry.offer(site);
      if (std::holds_alternative<Plan>(answer)) return answer;
      refusal.reason += (refusal.reason.empty() ? "" : "; ") + std::get<Refusal>(answer).reason;
    }
    return refusal;
  }

  const std::map<std::string, std::vector<Entry>, std::less<>>& entries() const { return entries_; }

 private:
  std::map<std::string, std::vector<Entry>, std::less<>> entries_;
};

}  // namespace assay
