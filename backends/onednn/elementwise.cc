#include "backends/onednn/elementwise.h"

namespace assay::onednn {

Arrangement arrangement_of(const Context& context, const Port& port, bool keeps_zero) {
  const MemoryDesc desc = context.layouts.desc_of(port);
  const Layout layout = context.layouts.find(port.layout) != nullptr ? port.layout : Layout{};
  if (is_padded(desc) && !keeps_zero) return {layout, desc};
  const auto elements = static_cast<dnnl::memory::dim>(desc.get_size() / size_of(port.spec.dtype));
  return {layout, row_major({elements}, data_type_of(port.spec.dtype))};
}

const Port& leading_port(const Context& context, const Site& site) {
  for (const Port& port : site.inputs) {
    if (port.spec == site.output() && context.layouts.find(port.layout) != nullptr) return port;
  }
  return site.outputs.front();
}

void lie_in(Plan& plan, const Site& site, const Layout& layout) {
  const auto of = [&](const Port& port) { return port.spec == site.output() ? layout : Layout{}; };
  for (const Port& port : site.inputs) plan.inputs.push_back(of(port));
  for (const Port& port : site.outputs) plan.outputs.push_back(of(port));
}

}  // namespace assay::onednn
