#include "assay/data/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "assay/core/utf8.h"
#include "assay/data/file.h"

namespace assay {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kLongestShownLine = 200;  // bytes

// The line that holds byte `offset`: its number, from 1, and where it begins.
std::pair<int, std::size_t> line_of(std::string_view content, std::size_t offset) {
  int line = 1;
  std::size_t begin = content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (std::size_t i = 0; i < offset; ++i) {
    const bool carriage_return_alone =
        content[i] == '\r' && (i + 1 == content.size() || content[i + 1] != '\n');
    if (content[i] != '\n' && !carriage_return_alone) continue;
    ++line;
    begin = i + 1;
  }
  return {line, begin};
}

}  // namespace

CsvReader::CsvReader(std::string_view content, char separator, const std::filesystem::path& path)
    : content_(content), separator_(separator), path_(path) {
  if (const std::size_t bad = find_invalid_utf8(content); bad != std::string_view::npos) {
    fail(bad, 1, fmt::format("byte 0x{:02X} is not UTF-8", static_cast<unsigned char>(content[bad])),
         "save the file as UTF-8");
  }
  if (const std::size_t bad = content.find('\0'); bad != std::string_view::npos) {
    fail(bad, 1, "a NUL byte: this is not a CSV file", "save the table as CSV in UTF-8");
  }
  if (content.starts_with(kByteOrderMark)) place_ = kByteOrderMark.size();
}

void CsvReader::fail(std::size_t offset, std::size_t size, std::string message, std::string help) const {
  const auto [number, begin] = line_of(content_, offset);
  const std::size_t end = std::min(content_.find_first_of("\r\n", begin), content_.size());
  const auto line = content_.substr(begin, end - begin);
  const std::size_t column = 1 + count_code_points(content_.substr(begin, offset - begin));
  if (line.size() > kLongestShownLine) {
    file::fail(path_, fmt::format("line {}, column {}: {}", number, column, message), std::move(help));
  }
  SourceRange where;
  where.file = path_.string();
  where.line = number;
  where.column = static_cast<int>(column);
  where.length = static_cast<int>(
      count_code_points(content_.substr(offset, std::min(size, end - std::min(offset, end)))));
  where.text = displayable(line);
  Error error(std::move(message));
  error.at(where).help(std::move(help));
  throw error;
}

bool CsvReader::next(std::vector<CsvCell>& cells) {
  // An empty line holds nothing but blanks.
  for (;;) {
    const std::size_t begin = place_;
    skip_blanks();
    if (place_ == content_.size()) return false;
    if (!at_line_end()) {
      place_ = begin;
      break;
    }
    skip_line_end();
  }
  std::size_t count = 0;
  for (;;) {
    if (count == cells.size()) cells.emplace_back();
    read_cell(cells[count++]);
    if (at_line_end()) break;
    ++place_;  // the separator
  }
  cells.resize(count);
  skip_line_end();
  return true;
}

void CsvReader::read_cell(CsvCell& cell) {
  skip_blanks();
  cell.text.clear();
  cell.offset = place_;
  if (place_ < content_.size() && content_[place_] == '"') {
    read_quoted(cell);
    return;
  }
  while (!at_line_end() && content_[place_] != separator_) ++place_;
  std::string_view text = content_.substr(cell.offset, place_ - cell.offset);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  cell.text = text;
  cell.size = text.size();
}

void CsvReader::read_quoted(CsvCell& cell) {
  ++place_;
  for (;;) {
    const std::size_t quote = content_.find('"', place_);
    if (quote == std::string_view::npos)
      fail(cell.offset, 1, "this quote is not closed", "end the field with '\"'; a quote inside is '\"\"'");
    cell.text += content_.substr(place_, quote - place_);
    place_ = quote + 1;
    if (place_ == content_.size() || content_[place_] != '"') break;
    cell.text += '"';
    ++place_;
  }
  cell.size = place_ - cell.offset;
  skip_blanks();
  if (!at_line_end() && content_[place_] != separator_) {
    fail(place_, 1, "text follows a quoted field", "a quote inside a quoted field is '\"\"'");
  }
}

void CsvReader::skip_line_end() {
  if (place_ < content_.size() && content_[place_] == '\r') ++place_;
  if (place_ < content_.size() && content_[place_] == '\n') ++place_;
}

void CsvReader::skip_blanks() {
  // A blank that separates is no blank.
  while (place_ < content_.size() && (content_[place_] == ' ' || content_[place_] == '\t') &&
         content_[place_] != separator_)
    ++place_;
}

}  // namespace assay
