// CSV tables (RFC 4180, with any one-character separator): numbers in columns, and targets that may be text.
// UTF-8; a byte order mark, CRLF and empty lines are accepted; quoted fields may hold separators, quotes and
// line ends.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "assay/data/dataset.h"

namespace assay {

struct CsvOptions {
  std::vector<std::string>
      target;          ///< columns by name, or by number from 0 (−1 is the last); a name goes first
  bool header = true;  ///< the first line names the columns
  char separator = ',';
  TargetReading target_kind = TargetReading::automatic;
};

/// Inputs are the columns that are no targets, f64 [N, columns], in the order of the file. Targets are f64
/// [N, targets], or labels: where a single target column holds text, class k is the k-th of its distinct
/// texts in sorted order (numbers by value), recorded in class_names. Throws Error with line and column for a
/// ragged row (with both counts), an empty cell, a cell that is no finite number, a malformed quote, a byte
/// that is not UTF-8, an unknown or ambiguous column, and a target column that mixes numbers with text
/// (unless target_kind says what it is).
Dataset read_csv(const std::filesystem::path& path, const CsvOptions& options);

}  // namespace assay
