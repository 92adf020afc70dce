#include "assay/experiment/source_text.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "assay/core/utf8.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

// Why there is no file at `path`: the first folder that is missing, or the nearest name where only the file
// is.
std::string missing_file_help(const fs::path& path) {
  std::error_code ignored;
  fs::path folder = path.parent_path();
  fs::path missing;
  while (!folder.empty() && !fs::exists(folder, ignored)) {
    missing = folder;
    folder = folder.parent_path();
  }
  if (!missing.empty()) return "there is no folder " + in_quotes(missing.string());

  constexpr std::size_t kEnough = 1000;  // names to compare: a data folder may hold millions
  std::vector<std::string> names;
  fs::directory_iterator it(folder.empty() ? "." : folder, ignored);
  for (; it != fs::directory_iterator() && names.size() < kEnough; it.increment(ignored)) {
    if (!it->is_directory(ignored)) names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names);
  const std::string near = nearest_name(path.filename().string(), names);
  return near.empty() ? "" : "a similar file exists: " + in_quotes((folder / near).string());
}

}  // namespace

SourceText::SourceText(std::string name, std::filesystem::path folder, std::string text)
    : name_(std::move(name)), folder_(std::move(folder)), text_(std::move(text)), line_begins_{0} {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_begins_.push_back(i + 1);
  }
}

std::size_t SourceText::line_begin(std::size_t offset) const {
  return *std::prev(std::ranges::upper_bound(line_begins_, offset));
}

SourceRange SourceText::range(std::size_t begin, std::size_t end) const {
  const auto next_line = std::ranges::upper_bound(line_begins_, std::min(begin, text_.size()));
  const std::size_t line_start = *std::prev(next_line);
  std::size_t line_end = next_line == line_begins_.end() ? text_.size() : *next_line - 1;
  if (line_end > line_start && text_[line_end - 1] == '\r') --line_end;
  begin = std::min(begin, line_end);
  end = std::clamp(end, begin, line_end);

  const std::string_view text = text_;
  SourceRange range;
  range.file = name_;
  range.line = static_cast<int>(next_line - line_begins_.begin());
  range.column = static_cast<int>(count_code_points(text.substr(line_start, begin - line_start))) + 1;
  range.length = std::max(1, static_cast<int>(count_code_points(text.substr(begin, end - begin))));
  range.text = displayable(text.substr(line_start, line_end - line_start));
  return range;
}

std::shared_ptr<const SourceText> read_source(const fs::path& path, Diagnostics& diagnostics,
                                              std::optional<SourceRange> named_at) {
  const auto fail = [&](const std::string& reason, const std::string& help) {
    Diagnostic diagnostic;
    diagnostic.message = "cannot read " + in_quotes(path.string()) + ": " + reason;
    diagnostic.where = std::move(named_at);
    if (!help.empty()) diagnostic.help.push_back(help);
    diagnostics.add(std::move(diagnostic));
    return nullptr;
  };
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return fail("there is no such file", missing_file_help(path));
  if (fs::is_directory(status)) return fail("it is a folder", "name a file in it");

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(std::generic_category().message(errno), "");
  std::string text;
  while (file && text.size() <= SourceText::kMaxBytes) {  // also a pipe, or a device that never ends
    constexpr std::size_t kPiece = std::size_t{1} << 14;
    const std::size_t before = text.size();
    text.resize(before + kPiece);
    file.read(text.data() + before, kPiece);
    text.resize(before + static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return fail(std::generic_category().message(errno), "");
  if (text.size() > SourceText::kMaxBytes) {
    return fail("it is larger than 1 MiB",
                "data stands in files of its own (csv, npz, idx) that 'data:' names");
  }
  return std::make_shared<const SourceText>(path.string(), path.parent_path(), std::move(text));
}

}  // namespace assay
