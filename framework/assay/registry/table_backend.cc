#include "assay/registry/table_backend.h"

namespace assay {
namespace {

class TableBackend final : public Backend {
 public:
  TableBackend(std::string name, std::string description, const KernelTable& kernels)
      : name_(std::move(name)), description_(std::move(description)), kernels_(kernels) {}
  std::string_view name() const noexcept override { return name_; }
  Offer offer(const Site& site) const override { return kernels_.offer(site); }
  std::string description() const override {
    return description_.empty() ? name_ : name_ + ": " + description_;
  }

 private:
  std::string name_;
  std::string description_;
  const KernelTable& kernels_;
};

}  // namespace

BackendDef table_backend(std::string name, std::string summary, std::string description) {
  BackendDef def;
  def.name = name;
  def.summary = std::move(summary);
  def.create = [name = std::move(name), description = std::move(description)](
                   const BackendContext& context) -> std::unique_ptr<Backend> {
    return std::make_unique<TableBackend>(name, description, context.kernels);
  };
  return def;
}

}  // namespace assay
