#include "assay/data/source.h"

#include <fmt/format.h>

#include <iterator>

#include "assay/core/error.h"
#include "assay/data/file.h"

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
    for (Dataset* part :
         {&data.train, data.validation ? &*data.validation : nullptr, data.test ? &*data.test : nullptr}) {
      if (part == nullptr) continue;
      check(*part, {});
      if (part->identity.empty())
        part->identity = file::ContentHash().add(part->inputs.view()).add(part->targets.view()).text();
    }
    check_parts(data, {});
    return data;
  } catch (Error& error) {
    throw error.in(subject);
  }
}

}  // namespace assay
