// How long an experiment trains, what it measures, when it stops, what it keeps and what it expects. Findings
// go to the diagnostics.
#pragma once

#include "assay/experiment/experiment.h"
#include "assay/experiment/read_fields.h"

namespace assay {

void read_train(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment);
void read_metrics(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment);
void read_early_stopping(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment);
void read_checkpoint(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment);
void read_expect(const ConfigNode& node, Diagnostics& diagnostics, Experiment& experiment);

}  // namespace assay
