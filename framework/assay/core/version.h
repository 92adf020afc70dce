// What this library is and what it was built by, for --version and the run record.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace assay {

/// "0.1.0".
std::string_view version() noexcept;
/// "g++ 12.2.0, Release, -O3 …".
std::string_view build_description() noexcept;

/// The git commit that was built, or "" outside a repository. Changes that were not committed do not show.
std::string_view build_commit() noexcept;

/// The file that this library was loaded from; the program's own where it was linked into it.
std::filesystem::path library_file();

}  // namespace assay
