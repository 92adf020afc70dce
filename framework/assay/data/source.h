// DataSourceDef: a named kind of data that experiments choose by `type`, with its fields; built-in ones and
// plugins' alike.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "assay/data/dataset.h"
#include "assay/graph/fields.h"

namespace assay {

/// What a source is loaded from.
struct DataContext {
  const Fields& fields;                  ///< complete, by DataSourceDef::fields
  std::filesystem::path base_directory;  ///< relative paths start here: the folder of the experiment file
  std::uint64_t seed = 0;                ///< decides everything random

  /// The path that text field `name` holds.
  std::filesystem::path path(std::string_view name) const { return base_directory / fields.text(name); }
};

struct DataSourceDef {
  std::string name;
  std::string summary;
  std::vector<FieldDef> fields{};
  /// Loads every part that the source brings. Throws Error naming the file and the place of what is wrong.
  std::function<SplitDataset(const DataContext&)> load{};
  /// Text fields that are paths: the experiment makes them absolute, from the folder of the file they stand
  /// in.
  std::vector<std::string> paths{};
};

/// inline, csv, npz, npy, idx, cifar10, xor, spirals, moons, blobs, teacher and synthetic.
std::vector<DataSourceDef> builtin_data_sources();
/// Their two halves: those that read values and files, and those that generate.
std::vector<DataSourceDef> file_sources();
std::vector<DataSourceDef> generator_sources();

/// Completes `given` by the fields of `def`, loads, and checks every part (see check()). Throws Error with
/// "data source 'csv'" in its context.
SplitDataset load_data(const DataSourceDef& def, const Fields& given,
                       const std::filesystem::path& base_directory, std::uint64_t seed);

}  // namespace assay
