// Models that several tests build.
#pragma once

#include <string>
#include <vector>

#include "assay/layers/model.h"
#include "assay/registry/registry.h"

namespace assay {

inline LayerConfig dense(std::int64_t units, std::string name = "", std::vector<std::string> inputs = {}) {
  return {
      .type = "dense", .name = std::move(name), .inputs = std::move(inputs), .fields = {{"units", units}}};
}

/// The network of the article's "Detailed Example: Two-Layer Network".
inline Model worked_example(const Registry& registry, const ComponentConfig& optimizer = {.type = "sgd"}) {
  LayerConfig hidden = dense(2, "hidden");
  hidden.init = {{"weight", {.given = Array{Shape{2, 1}, {0.5, -0.3}}}},
                 {"bias", {.given = Array{Shape{2}, {0.1, -0.2}}}}};
  LayerConfig out = dense(1, "out");
  out.init = {{"weight", {.given = Array{Shape{1, 2}, {0.8, -0.4}}}},
              {"bias", {.given = Array{Shape{1}, {0.3}}}}};
  return {registry,
          {Shape{1}, {hidden, {.type = "sigmoid"}, out, {.type = "sigmoid"}}},
          {.type = "half_squared_error"},
          optimizer};
}

}  // namespace assay
