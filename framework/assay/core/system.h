// Facts about the machine and the libraries, for the run record and `assay doctor`.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace assay {

struct SystemInfo {
  std::string operating_system;  ///< "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
  std::string processor;         ///< the model's name, or its architecture
  int cores = 1;                 ///< that this process may use
  std::size_t memory_bytes = 0;
};

SystemInfo system_info();

/// (library, version) of what the framework itself uses; backends describe their own.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace assay
