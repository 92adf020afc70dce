// What failed in the last run of `assay verify --ops` or of an experiment, kept for --last-failed in the
// user's cache directory: $XDG_CACHE_HOME/assay, or ~/.cache/assay.
#pragma once

#include <string>

#include "assay/command.h"
#include "assay/verify/check.h"

namespace assay::cli {

/// The selection that -k and --last-failed ask for. `subject` is what is verified: "--ops" or a file. Throws
/// NothingSelected where nothing of it is known to have failed.
std::string selection_of(const Arguments& arguments, const std::string& subject);

/// Keeps the failures of a run for the next one. Where there is no place for them, they are not kept.
void remember_failures(const verify::Report& report, const std::string& subject);

}  // namespace assay::cli
