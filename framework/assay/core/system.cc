#include "assay/core/system.h"

#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <spdlog/version.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>
#include <zip.h>
#include <zlib.h>

#include <boost/version.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

// The value behind the first line that begins with `key`, without separators and quotes.
std::string value_in(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto start = line.find_first_not_of(" \t:=\"", key.size());
    if (start == std::string::npos) return "";
    const auto stop = line.find_last_not_of(" \t\"");
    return line.substr(start, stop + 1 - start);
  }
  return "";
}

}  // namespace

SystemInfo system_info() {
  SystemInfo info;
  utsname names{};
  uname(&names);
  const std::string distribution = value_in("/etc/os-release", "PRETTY_NAME");
  info.operating_system =
      fmt::format("{}{}{} {}", distribution, distribution.empty() ? "" : ", ", names.sysname, names.release);
  info.processor = value_in("/proc/cpuinfo", "model name");
  if (info.processor.empty()) info.processor = names.machine;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) info.cores = CPU_COUNT(&allowed);
  info.memory_bytes =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return info;
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  return {{"Boost",
           fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          // Its libm is part of every result.
          {"glibc", gnu_get_libc_version()},
          {"libzip", zip_libzip_version()},
          {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION)},
          {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
          {"xxHash", fmt::format("{}", XXH_versionNumber())},
          {"yaml-cpp", ASSAY_YAML_CPP_VERSION},
          {"zlib", zlibVersion()}};
}

}  // namespace assay
