// Initialisers: the first values of a parameter, drawn in double from a counter-based stream and rounded once
// to the dtype, so that f32 and f64 start from the same numbers. Draws are keyed by (seed,
// "init/<layer>.<parameter>", element): adding a layer changes no other layer's values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/named_table.h"
#include "assay/core/random.h"
#include "assay/core/tensor.h"
#include "assay/graph/fields.h"

namespace assay {

/// How many values feed one output of the layer, and how many outputs one value feeds (Glorot and Bengio
/// 2010).
struct Fans {
  std::int64_t in = 1;
  std::int64_t out = 1;
};

/// How a parameter starts: by a registered initialiser, or from given values.
struct InitializerConfig {
  std::string type{};  ///< not read where values are given
  Fields fields{};
  std::optional<Array> given{};  ///< of the parameter's shape
  std::optional<SourceRange> where{};
};

/// What an initialiser fills from.
struct Initialization {
  const Shape& shape;
  Fans fans;
  RandomStream stream;
  const Fields& fields;  ///< complete
};

struct InitializerDef {
  std::string name;
  std::string summary;
  std::string formula;
  std::vector<FieldDef> fields{};
  int minimum_rank = 0;  ///< of the parameter
  /// Writes every element, in row-major order.
  std::function<void(const Initialization&, std::span<double>)> fill{};
};

using InitializerTable = NamedTable<InitializerDef>;

/// `config` with complete fields, for a parameter of that name and shape. Throws Error for an unknown type or
/// field, for given values of another shape, and for a parameter of too low a rank.
InitializerConfig complete_initializer(const InitializerTable& table, const InitializerConfig& config,
                                       std::string_view parameter, const Shape& shape);

/// The first values of a parameter. REQUIRES: `config` is complete for this parameter.
Tensor initial_value(const InitializerTable& table, const InitializerConfig& config,
                     std::string_view parameter, const Shape& shape, Fans fans, std::uint64_t seed,
                     DType dtype);

/// constant, zeros, ones, uniform, normal, fan_in_uniform (PyTorch's default for dense and conv2d),
/// glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, orthogonal.
void register_initializers(InitializerTable& table, const std::string& owner);

}  // namespace assay
