#include <algorithm>
#include <optional>
#include <vector>

#include "assay/verify/kernel_checks.h"
#include "assay/verify/layouts.h"

namespace assay::verify {
namespace {

// Of one operand, the ends of the format: subnormal numbers, and such as overflow where they are squared.
// Of several, numbers whose products are subnormal, unless one is a variance or a moment, by whose root is
// divided: the order of multiplications is a kernel's own affair, and what a subnormal product has lost
// grows with such a quotient.
void add_small_and_large(const KernelCase& kernel, std::uint64_t seed, std::vector<Draw>& draws) {
  const bool f32 = kernel.dtype == DType::f32;
  const auto add = [&](int exponent) {
    draws.push_back({.fill = Fill::wide, .seed = seed, .exponent = exponent});
  };
  const std::vector<CaseInput>& inputs = kernel.geometry->inputs;
  if (inputs.size() > 1) {
    if (std::ranges::count(inputs, Domain::positive, &CaseInput::domain) == 0) add(f32 ? -65 : -525);
    return;
  }
  add(f32 ? -130 : -1050);
  add(f32 ? 115 : 1010);
}

// Of an activation: dy, and x or y.
bool is_activation_gradient(const KernelCase& kernel) {
  const std::string& name = kernel.op->name;
  const OpDef* const op =
      is_gradient(*kernel.op) ? kernel.registry->ops.find(name.substr(0, name.size() - 5)) : nullptr;
  return op != nullptr && op->activation;
}

// Besides what has been judged: NaNs, and infinities and the other ends of the format.
Outcome on_special_numbers(Outcome all, const KernelCase& kernel, std::uint64_t seed) {
  if (all.status != Status::passed) return all;
  all.add(check_nans(kernel, seed));
  if (is_gradient(*kernel.op) || kernel.kernel.site.ops.size() != 1) return all;
  if (all.status == Status::passed) all.add(check_ends(kernel, seed));
  if (all.status == Status::passed && !kernel.op->polynomial) all.add(check_infinities(kernel, seed));
  return all;
}

}  // namespace

Outcome lockstep_on_all_data(const KernelCase& kernel, const Effort& effort, std::uint64_t seed) {
  std::vector<Draw> draws{{.seed = seed}, {.fill = Fill::zeros, .seed = seed}};
  if (effort.fills) {
    // Functions in pieces change at whole numbers; E draws those of polynomials.
    if (!kernel.op->polynomial) draws.push_back({.fill = Fill::integers, .seed = seed, .radius = 10});
    if (kernel.kernel.site.ops.size() == 1) add_small_and_large(kernel, seed, draws);
    // Far out, where every activation is a line.
    if (is_activation_gradient(kernel)) draws.push_back({.fill = Fill::wide, .seed = seed, .exponent = 50});
    draws.push_back({.fill = Fill::constant, .seed = seed});
    draws.push_back({.fill = Fill::wide, .seed = seed});
    // Exponentials of these overflow in f64 too, unless the largest is taken off first.
    draws.push_back({.fill = Fill::wide, .seed = seed + 1, .exponent = 4});
    draws.push_back({.seed = seed, .exponent = -9});
  }
  if (effort.extremes) {
    draws.push_back({.seed = seed, .exponent = -20});
    draws.push_back({.seed = seed, .exponent = 20});
  }
  Outcome all = Outcome::skipped("L: nothing was drawn");
  for (const Draw& draw : draws) {
    all.add(check_lockstep(kernel, draw));
    if (all.status == Status::failed) return all;
  }
  return on_special_numbers(std::move(all), kernel, seed);
}

Outcome lockstep_in_layout(const KernelCase& kernel, std::uint64_t seed) {
  const Draw zeros{.fill = Fill::zeros, .seed = seed};
  Outcome all = check_lockstep(kernel, {.seed = seed});
  if (all.status != Status::failed) all.add(check_lockstep(kernel, zeros));
  if (all.status == Status::failed) return all;
  if (const auto inputs = with_indices_of_tiles(*kernel.registry, kernel, zeros))
    all.add(check_lockstep_on(kernel, *inputs));
  return on_special_numbers(std::move(all), kernel, seed);
}

Outcome lockstep_on_shared_work(const KernelCase& kernel, std::uint64_t seed) {
  Outcome all = check_lockstep(kernel, {.seed = seed});
  const OpDef& op = *kernel.kernel.site.ops.front().op;
  if (all.status == Status::passed && !op.polynomial && !op.activation && !is_gradient(op))
    all.add(check_lockstep(kernel, {.fill = Fill::constant, .seed = seed}));
  return all;
}

}  // namespace assay::verify
