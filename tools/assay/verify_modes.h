// The modes of `assay verify` that have files of their own, and what all modes share.
#pragma once

#include <string>
#include <vector>

#include "assay/command.h"
#include "assay/experiment/experiment.h"
#include "assay/verify/check.h"

namespace assay::cli {

/// --against: another program's trace of an experiment.
int verify_against(const Arguments& arguments, Registry& registry);
/// --mutants: the verification itself, by what it catches of a catalogue of faults.
int verify_mutants(const Arguments& arguments);
/// --contracts: functions of one variable against the accuracy that backends declare.
int verify_contracts(const Arguments& arguments, const Registry& registry);

/// --graphs: random models of everything that is registered.
int verify_graphs(const Arguments& arguments, const Registry& registry);

/// The experiment that is named, with --set and --seed; --backend names what is verified, not what it trains
/// on.
Experiment experiment_of(const Arguments& arguments, Registry& registry);
/// --backend: names, or nothing for all.
std::vector<std::string> backends_of(const Arguments& arguments);
/// --dtype. Throws Error for what backends are not verified in.
std::vector<DType> dtypes_of(const Arguments& arguments);

/// Writes what --junit and --format ask for. Returns the exit code.
int report(const verify::Report& report, const Arguments& arguments);

}  // namespace assay::cli
