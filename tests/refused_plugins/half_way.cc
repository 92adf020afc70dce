// Registers three things and then fails.
#include <assay/plugin.h>

ASSAY_PLUGIN("half_way", "0.1", registry) {
  registry.add_activation("left_over", [](auto z) { return z; });
  registry.add_optimizer(
      {.name = "left_over", .summary = "", .formula = "", .update = [](assay::UpdateBuilder&) {}});
  throw assay::Error("the licence of half_way has expired").help("buy another half");
}
