// assay list runs: the records of runs below a folder.
#pragma once

#include "assay/command.h"

namespace assay::cli {

int list_runs(const Arguments& arguments);

}  // namespace assay::cli
