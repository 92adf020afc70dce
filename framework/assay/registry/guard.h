// Definitions of plugins as the program takes them over: their functions are strangers'. What one throws that
// is no Error becomes one that names it and its plugin, and what one returns is held to what it promises: a
// layer's recipe to a value, a backend to its name, a plan to the site that it is for.
#pragma once

#include <string>

#include "assay/registry/registry.h"

namespace assay {

OpDef guarded(OpDef def, const std::string& owner);
LayerDef guarded(LayerDef def, const std::string& owner);
LossDef guarded(LossDef def, const std::string& owner);
OptimizerDef guarded(OptimizerDef def, const std::string& owner);
ScheduleDef guarded(ScheduleDef def, const std::string& owner);
InitializerDef guarded(InitializerDef def, const std::string& owner);
DataSourceDef guarded(DataSourceDef def, const std::string& owner);
BackendDef guarded(BackendDef def, const std::string& owner);
/// Of a kernel for `backend`.
OfferRule guarded(OfferRule rule, const std::string& backend, const std::string& owner);

}  // namespace assay
