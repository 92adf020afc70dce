#include "assay/program/state.h"

#include <fmt/format.h>

#include <cstring>

#include "assay/core/error.h"

namespace assay {
namespace {

// A buffer of any number of bytes: a layout may be larger than its spec.
Tensor make_buffer(const Spec& spec, const Layout& layout) {
  if (layout.canonical()) return Tensor(spec);
  return Tensor(Spec{DType::u8, Shape{static_cast<std::int64_t>(layout.bytes)}});
}

void reorder(const Backend& owner, const Spec& spec, const Layout& from, const Layout& to, const void* source,
             void* target) {
  const KernelPtr kernel = owner.reorder(spec, from, to);
  if (!kernel) throw Error(fmt::format("internal: backend '{}' cannot reorder its own layout", owner.name()));
  kernel->run(Io{&source, &target, nullptr});
}

}  // namespace

StateStore::Entry* StateStore::find(std::string_view name) {
  for (Entry& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}
const StateStore::Entry* StateStore::find(std::string_view name) const {
  return const_cast<StateStore*>(this)->find(name);
}

StateStore::Entry& StateStore::declare(std::string_view name, const Spec& spec) {
  if (Entry* known = find(name)) {
    if (known->spec == spec) return *known;
    throw Error(fmt::format("state '{}' is {} in one program and {} in another", name,
                            known->spec.to_string(), spec.to_string()));
  }
  Entry& entry = entries_.emplace_back();
  entry.name = name;
  entry.spec = spec;
  entry.buffer = Tensor(spec);
  return entry;
}

Tensor StateStore::read(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) throw Error(fmt::format("there is no state named '{}'", name));
  if (entry->layout.canonical()) return entry->buffer.clone();
  Tensor copy(entry->spec);
  reorder(*entry->owner, entry->spec, entry->layout, Layout{}, entry->buffer.data(), copy.data());
  return copy;
}

void StateStore::write(std::string_view name, const TensorView& value) {
  Entry* entry = find(name);
  if (entry == nullptr) throw Error(fmt::format("there is no state named '{}'", name));
  if (value.spec.shape != entry->spec.shape) {
    throw Error(fmt::format("state '{}' has shape {}, but the value given has {}", name,
                            entry->spec.shape.to_string(), value.spec.shape.to_string()));
  }
  Tensor canonical(entry->spec);
  convert(value, canonical.view());
  if (entry->layout.canonical()) {
    std::memcpy(entry->buffer.data(), canonical.data(),
                entry->spec.bytes());  // in place: programs hold the address
  } else {
    reorder(*entry->owner, entry->spec, Layout{}, entry->layout, canonical.data(), entry->buffer.data());
  }
}

void StateStore::settle(Entry& entry, const Layout& layout, const Backend* owner) {
  entry.settled = true;
  if (layout == entry.layout) return;
  Tensor moved = make_buffer(entry.spec, layout);
  reorder(*owner, entry.spec, entry.layout, layout, entry.buffer.data(), moved.data());
  entry.buffer = std::move(moved);
  entry.layout = layout;
  entry.owner = owner;
}

std::size_t StateStore::bytes() const {
  std::size_t total = 0;
  for (const Entry& entry : entries_) total += entry.layout.bytes_of(entry.spec);
  return total;
}

}  // namespace assay
