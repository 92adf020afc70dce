// NamedTable: name → entry with its owner, iterated in name order. The building block of every registry.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assay/core/error.h"

namespace assay {

template <class T>
class NamedTable {
 public:
  struct Entry {
    T value;
    std::string owner;  ///< "built-in", or the plugin that registered it
  };

  /// `kind` is the singular noun of its messages: "op", "layer", ...
  explicit NamedTable(std::string kind) : kind_(std::move(kind)) {}

  /// Throws Error naming both owners if the name is taken. The reference stays valid as the table grows.
  T& add(const std::string& name, T value, const std::string& owner) {
    if (name.empty()) throw Error("a " + kind_ + " registered by " + owner + " has an empty name");
    auto [it, added] = entries_.try_emplace(name, Entry{std::move(value), owner});
    if (!added) {
      throw Error("the " + kind_ + " '" + name + "' is registered twice: by " + it->second.owner +
                  " and by " + owner);
    }
    return it->second.value;
  }

  const T* find(std::string_view name) const {
    auto it = entries_.find(name);
    return it == entries_.end() ? nullptr : &it->second.value;
  }
  T* find(std::string_view name) {
    auto it = entries_.find(name);
    return it == entries_.end() ? nullptr : &it->second.value;
  }

  /// Throws Error with the nearest name.
  const T& at(std::string_view name) const {
    if (const T* value = find(name)) return *value;
    const auto known = names();
    throw Error("unknown " + kind_ + " '" + std::string(name) + "'").help(suggestion(kind_, name, known));
  }

  const std::string& owner(std::string_view name) const { return entries_.find(name)->second.owner; }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    all.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }

  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace assay
