// StateStore: what outlives a step — parameters, moments, running statistics — by name, shared by all
// programs of a model. Each value lies in the layout that the first program's kernels want; reading and
// writing go through the canonical layout.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/program/backend.h"

namespace assay {

class StateStore {
 public:
  struct Entry {
    std::string name;
    Spec spec;
    Layout layout;                   ///< as it lies
    const Backend* owner = nullptr;  ///< of a layout that is not canonical
    bool settled = false;            ///< a program has been compiled on this layout
    Tensor buffer;
  };

  StateStore() = default;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  /// The entry of that name, made of zeros where there is none. Throws Error if it exists with another spec.
  Entry& declare(std::string_view name, const Spec& spec);
  const Entry* find(std::string_view name) const;
  Entry* find(std::string_view name);

  /// A canonical copy. Throws Error for an unknown name.
  Tensor read(std::string_view name) const;
  /// Sets a value from a canonical tensor of the same shape, converting its dtype. Throws Error for an
  /// unknown name or another shape.
  void write(std::string_view name, const TensorView& value);
  /// Moves an entry into a layout of `owner`, keeping its value. REQUIRES: the entry is not settled.
  void settle(Entry& entry, const Layout& layout, const Backend* owner);

  /// In the order of declaration.
  const std::deque<Entry>& entries() const { return entries_; }
  std::size_t bytes() const;

 private:
  std::deque<Entry> entries_;
};

}  // namespace assay
