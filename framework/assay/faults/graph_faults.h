// Rewrites of graphs into what they do not say: simplifications that compare too little or know a wrong law.
#pragma once

#include <string>
#include <vector>

#include "assay/graph/graph.h"

namespace assay::faults {

struct GraphRewrite {
  std::string name;
  std::string defect;  ///< a real one of this kind, or ""
  Graph (*apply)(const Graph&);
};

std::vector<GraphRewrite> wrong_rewrites();

}  // namespace assay::faults
