#include "assay/verify_last_failed.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "assay/core/cache_directory.h"
#include "assay/verify/selector.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// More of them are one defect, most likely.
constexpr std::size_t kMostIds = 1000;

// Empty where the user has no cache directory.
fs::path cache_file() {
  const fs::path cache = cache_directory();
  return cache.empty() ? cache : cache / "last_failed";
}

// A file is the same from every folder.
std::string key_of(const std::string& subject) {
  return subject == "--ops" ? subject : fs::weakly_canonical(subject).string();
}

}  // namespace

std::string selection_of(const Arguments& arguments, const std::string& subject) {
  const std::string expression = arguments.text("keyword");
  if (!arguments.has("last-failed")) return expression;
  std::ifstream in(cache_file());
  std::string key, id;
  std::vector<std::string> ids;
  std::getline(in, key);
  while (std::getline(in, id)) ids.push_back(id);
  if (key != key_of(subject)) {
    NothingSelected error(fmt::format("nothing is known of a last run of 'assay verify {}'", subject));
    error.help("run it without --last-failed first");
    throw error;
  }
  if (ids.empty())
    throw NothingSelected(fmt::format("nothing failed in the last run of 'assay verify {}'", subject));
  return verify::select_among(ids, expression);
}

void remember_failures(const verify::Report& report, const std::string& subject) {
  const fs::path file = cache_file();
  if (file.empty()) return;
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  std::ofstream out(file, std::ios::binary);
  out << key_of(subject) << "\n";
  std::size_t count = 0;
  for (const verify::Check& check : report.checks()) {
    if (check.status != verify::Status::failed) continue;
    if (count++ == kMostIds) break;
    out << check.id() << "\n";
  }
}

}  // namespace assay::cli
