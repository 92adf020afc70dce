// From layer configurations to a list of layers that can be built in order: names given, inputs found, fields
// complete.
//
// Names. A layer without a name is called by its type and its position among the layers of that type: the
// second dense layer of a model is "dense2", whether or not the first has a name. Layers inside a block count
// too, in the order in which a reader meets them: a block's layer comes before its contents. Names are unique
// over the whole model.
//
// Inputs. A layer reads the layer above it, or the layers that it names, which must stand above it in the
// file; "input" is the model's input. The first layer of a block reads the block's input.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assay/layers/layer.h"

namespace assay {

struct ResolvedLayer {
  static constexpr int kModelInput = -1;

  std::string name;
  const LayerDef* def = nullptr;
  Fields fields;  ///< complete
  std::map<std::string, InitializerConfig> init;
  std::vector<int>
      inputs;  ///< positions in the list, or kModelInput; of a nested layer {block's input, block's output}
  int depth = 0;  ///< how many blocks it stands in
  std::optional<SourceRange> where;
};

/// In the order of evaluation: the layers of a block stand before the block itself. Throws Error with every
/// finding: unknown types and fields, names that are taken, inputs that do not exist or stand below, a layer
/// that nothing reads.
std::vector<ResolvedLayer> resolve_layers(std::span<const LayerConfig> layers, const LayerTable& table);

}  // namespace assay
