#include "assay/data/source.h"

#include <fmt/format.h>

#include <iterator>

#include "assay/core/error.h"

namespace assay {

std::vector<DataSourceDef> builtin_data_sources() {
  std::vector<DataSourceDef> sources = file_sources();
  std::ranges::move(generator_sources(), std::back_inserter(sources));
  return sources;
}

SplitDataset load_data(const DataSourceDef& def, const Fields& given,
                       const std::filesystem::path& base_directory, std::uint64_t seed) {
  const std::string subject = fmt::format("data source '{}'", def.name);
  const Fields fields = complete(def.fields, given, subject);
  try {
    SplitDataset data = def.load({fields, base_directory, seed});
    for (const Dataset* part :
         {&data.train, data.validation ? &*data.validation : nullptr, data.test ? &*data.test : nullptr}) {
      if (part != nullptr) check(*part, {});
    }
    check_parts(data, {});
    return data;
  } catch (Error& error) {
    throw error.in(subject);
  }
}

}  // namespace assay
