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
#include "assay/data/source.h"
#include "assay/graph/op.h"
#include "assay/layers/initializer.h"
#include "assay/layers/layer.h"
#include "assay/layers/loss.h"
#include "assay/layers/optimizer.h"
#include "assay/layers/schedule.h"
#include "assay/program/backend.h"
#include "assay/program/generic_kernel.h"
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

/// How an activation is written on paper, for `assay list` and `assay explain`.
struct ActivationText {
  std::string formula{};             ///< "f(z) = z σ(z)"
  std::string derivative_formula{};  ///< "f′(z) = σ(z) (1 + z (1 − σ(z)))"
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  OpTable ops{"op"};
  LayerTable layers{"layer"};
  InitializerTable initializers{"initializer"};
  LossTable losses{"loss function"};
  OptimizerTable optimizers{"optimizer"};
  ScheduleTable schedules{"schedule"};
  NamedTable<DataSourceDef> data_sources{"data source"};
  NamedTable<BackendDef> backends{"backend"};

  /// Registers a backend and its kernels. Throws Error if the name is taken.
  void add_backend(BackendDef def, const std::string& owner);
  /// The table a backend of that name looks its offers up in; a plugin adds kernels for an existing backend
  /// here.
  KernelTable& kernels(std::string_view backend);

  /// Makes a backend. Throws Error for an unknown name or field. The registry outlives what it makes.
  std::unique_ptr<Backend> create_backend(std::string_view name, const Fields& fields, int threads) const;

  /// Registers an activation from one generic function of a scalar: the op, its derivative by dual numbers,
  /// both kernels of the reference on every scalar, and the layer.
  ///   registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
  /// Defined in activation.h, with what the function may use.
  template <Scalars scalars = Scalars::continuous, class F>
  void add_activation(const std::string& name, F function, const ActivationText& text = {},
                      const std::string& owner = "plugin");
  /// The same for an activation with fields, a type such as those in ops/activation.h.
  template <class A, Scalars scalars = Scalars::continuous>
  void add_activation(const std::string& owner = "plugin");

 private:
  std::map<std::string, KernelTable, std::less<>> kernels_;
};

/// Registers everything that is built in, from one explicit list.
void register_builtin(Registry& registry);

}  // namespace assay
