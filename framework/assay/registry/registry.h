// Registry: everything that has a name — ops, layers, losses, optimizers, schedules, initialisers, data
// sources, backends and their kernels — with who registered it. Passed by reference; there is no global one.
// Built-ins and plugins fill it through the same functions (see builtin.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/named_table.h"
#include "assay/graph/op.h"
#include "assay/program/backend.h"
#include "assay/program/kernel_table.h"

namespace assay {

/// What a backend is made from.
struct BackendContext {
  const Fields& fields;        ///< complete, by BackendDef::fields
  int threads = 1;             ///< >= 1
  const KernelTable& kernels;  ///< of this backend, plugins' kernels included; outlives the backend
  /// Another registered backend with default fields and the same threads, for a backend that wraps one.
  std::function<std::unique_ptr<Backend>(std::string_view name)> create;
};

struct BackendDef {
  std::string name;
  std::string summary;
  std::vector<FieldDef> fields{};
  /// Fills the backend's kernel table, once, when it is registered. May be empty.
  std::function<void(KernelTable&, std::string_view owner)> kernels{};
  std::function<std::unique_ptr<Backend>(const BackendContext&)> create;
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  OpTable ops{"op"};
  NamedTable<BackendDef> backends{"backend"};

  /// Registers a backend and its kernels. Throws Error if the name is taken.
  void add_backend(BackendDef def, const std::string& owner);
  /// The table a backend of that name looks its offers up in; a plugin adds kernels for an existing backend
  /// here.
  KernelTable& kernels(std::string_view backend);

  /// Makes a backend. Throws Error for an unknown name or field. The registry outlives what it makes.
  std::unique_ptr<Backend> create_backend(std::string_view name, const Fields& fields, int threads) const;

 private:
  std::map<std::string, KernelTable, std::less<>> kernels_;
};

/// Registers everything that is built in, from one explicit list.
void register_builtin(Registry& registry);

}  // namespace assay
