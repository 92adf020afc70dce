#include "assay/ops/operands.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {

void require_real(std::string_view name, const Spec& operand) {
  if (!is_real(operand.dtype)) {
    throw Error(fmt::format("{} is {}, but real numbers are wanted", name, operand.to_string()));
  }
}

void require_image(std::string_view name, const Spec& operand, std::string_view axes) {
  require_real(name, operand);
  const auto rank = 1 + std::ranges::count(axes, ',');
  if (operand.shape.rank() != rank) {
    throw Error(fmt::format("{} is {} of rank {}, but {} of rank {} is wanted", name, operand.to_string(),
                            operand.shape.rank(), axes, rank));
  }
}

void require_spec(std::string_view name, const Spec& operand, const Spec& wanted, std::string_view because) {
  if (operand != wanted) {
    throw Error(fmt::format("{} is {}, but {} is wanted: {}", name, operand.to_string(), wanted.to_string(),
                            because));
  }
}

std::vector<std::int64_t> to_integers(const Shape& shape) {
  return {shape.extents().begin(), shape.extents().end()};
}

void add_op(OpTable& ops, OpDef op, const std::string& owner) {
  const std::string name = op.name;
  ops.add(name, std::move(op), owner);
}

}  // namespace assay
