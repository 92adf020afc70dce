// A step of gradient descent whose gradient is a matrix product, w ← w − η A B, as one site: a backend that
// adds to what a product's result holds does without writing and reading the gradient.
#pragma once

#include <cstring>
#include <variant>

#include "assay/program/backend.h"

namespace assay {

/// The ops that such a site is matched by.
inline Pattern descent_pattern() { return {"gradient + update", {{"matmul"}, {"sgd_update"}}}; }

/// Where the operands of a site matched by descent_pattern() are, besides A and B, inputs 0 and 1.
struct DescentSite {
  std::size_t weight;
  std::size_t rate;   ///< η, a scalar
  std::size_t bytes;  ///< of the weight

  InPlace in_place() const { return {0, static_cast<int>(weight)}; }
  /// Puts the weight into the result, where it does not lie there already: the product is added to it.
  void begin(const Io& io) const {
    if (io.out<void>(0) != io.in<void>(weight)) std::memcpy(io.out<void>(0), io.in<void>(weight), bytes);
  }
};

/// Terms of a product's elements up to which they are added up before they meet the weight. Of more, panels
/// of terms are added to the result one after another, which rounds the weight once for each: as a sum that
/// is nothing, but it is no step that is taken once. So many are one panel of openmp's and Eigen's products
/// in either dtype.
inline constexpr std::int64_t kDescentTerms = 256;

/// Refuses where the product is not the gradient, where it is one of more than kDescentTerms terms, or where
/// more than w − η A B is wanted.
inline std::variant<DescentSite, Refusal> descent_of(const Site& site) {
  const SiteOp& update = site.ops[1];
  if (update.operands[1].op != 0 || update.operands[0].op >= 0 || update.operands[2].op >= 0)
    return Refusal{"the product is not the gradient of the update"};
  if (update.fields->number("weight_decay") != 0.0) return Refusal{"weight_decay reads the weight once more"};
  const Shape& a = site.input(0).shape;
  if (a[site.fields().boolean("transpose_a") ? -2 : -1] > kDescentTerms)
    return Refusal{"a product of many terms, whose panels would each round the weight"};
  return DescentSite{static_cast<std::size_t>(update.operands[0].index),
                     static_cast<std::size_t>(update.operands[2].index), site.output().bytes()};
}

}  // namespace assay
