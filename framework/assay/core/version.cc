#include "assay/core/version.h"

namespace assay {

std::string_view version() noexcept { return ASSAY_VERSION; }
std::string_view build_description() noexcept { return ASSAY_BUILD; }

std::string_view build_commit() noexcept { return ASSAY_COMMIT; }

}  // namespace assay
