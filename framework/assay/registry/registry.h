// Registry: everything that has a name — ops, layers, losses, optimizers, schedules, initialisers, data
// sources, backends and their kernels — with who registered it. Passed by reference; there is no global one.
// Built-ins and plugins fill it through the same functions. A plugin fills one of its own, which is empty but
// for what it adds, and which is merged into the program's whole or not at all.
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
  /// Values of the fields with which kernels compute by another formula than the op's: the verification
  /// judges those kernels beside the default ones.
  std::vector<Fields> rewriting{};
  /// Whether kernels use the threads that they are given; where not, one number of them stands for all.
  bool threaded = true;
  /// What kernels promise on other numbers of threads: the same bits, or results within their bounds, where
  /// the partition of a sum follows the number of threads.
  bool same_bits_on_any_threads = true;
};

/// How an activation is written on paper, for `assay list` and `assay explain`.
struct ActivationText {
  std::string formula{};             ///< "f(z) = z σ(z)"
  std::string derivative_formula{};  ///< "f′(z) = σ(z) (1 + z (1 − σ(z)))"
};

/// A plugin that has been loaded, for the run record.
struct PluginRecord {
  std::string name;
  std::string version;
  std::string file;    ///< absolute path
  std::string sha256;  ///< of the file, hexadecimal
};

/// Who registers what the library itself has.
inline constexpr const char* kBuiltIn = "built-in";

class Registry {
 public:
  /// `owner` is who registers what the add functions are given.
  explicit Registry(std::string owner = kBuiltIn);
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
  std::vector<PluginRecord> plugins;  ///< in the order in which they were loaded

  const std::string& owner() const { return owner_; }

  // Each registers under the definition's own name, and throws Error, naming both owners, if that is taken.
  void add_op(OpDef def);
  void add_layer(LayerDef def);
  void add_loss(LossDef def);
  void add_optimizer(OptimizerDef def);
  void add_schedule(ScheduleDef def);
  void add_initializer(InitializerDef def);
  void add_data_source(DataSourceDef def);
  /// With its kernels.
  void add_backend(BackendDef def);
  /// A kernel of `op` for a backend that exists; it is asked before those that were there. The kernel that
  /// defines a plugin's op is one for "reference", from for_every_scalar (generic_kernel.h).
  void add_kernel(std::string_view backend, std::string_view op, OfferRule offer);

  /// The table a backend of that name looks its offers up in.
  KernelTable& kernels(std::string_view backend);

  /// Takes over everything that `other` holds, under its owners. Throws Error, and changes nothing, where a
  /// name is taken (naming both owners), a definition lacks what it cannot do without, or a kernel is for a
  /// backend or an op that nobody registered, or would redefine an op (by a kernel of the reference).
  void merge(const Registry& other);

  /// Makes a backend. Throws Error for an unknown name or field. The registry outlives what it makes.
  std::unique_ptr<Backend> create_backend(std::string_view name, const Fields& fields, int threads) const;

  /// Registers an activation from one generic function of a scalar: the op, its derivative by dual numbers,
  /// both kernels of the reference on every scalar, and the layer.
  ///   registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
  /// Defined in activation.h, with what the function may use.
  template <Scalars scalars = Scalars::continuous, class F>
  void add_activation(const std::string& name, F function, const ActivationText& text = {});
  /// The same for an activation with fields, a type such as those in ops/activation.h.
  template <class A, Scalars scalars = Scalars::continuous>
  void add_activation();

 private:
  std::string owner_;
  std::map<std::string, KernelTable, std::less<>> kernels_;
};

/// Registers everything that is built in, from one explicit list.
void register_builtin(Registry& registry);

}  // namespace assay
