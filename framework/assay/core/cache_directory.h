// Where the user's caches are, by the XDG base directory specification.
#pragma once

#include <filesystem>

namespace assay {

/// "~/.cache/assay", or empty where the user has no cache directory. Nothing is made.
std::filesystem::path cache_directory();

}  // namespace assay
