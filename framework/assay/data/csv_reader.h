// CsvReader: the records of a CSV text, cell by cell. Knows the syntax and the places, not what the cells
// mean.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/error.h"

namespace assay {

struct CsvCell {
  std::string text;        ///< without quotes; unquoted text is trimmed of blanks
  std::size_t offset = 0;  ///< of its first byte in the content
  std::size_t size = 0;    ///< bytes in the content, quotes included
};

class CsvReader {
 public:
  /// `content` outlives the reader. Throws Error where it is not UTF-8 or holds a NUL byte.
  CsvReader(std::string_view content, char separator, const std::filesystem::path& path);

  /// Reads the next record that is not an empty line into `cells`, reusing their storage; false at the end.
  /// Throws Error for a malformed quote.
  bool next(std::vector<CsvCell>& cells);

  /// Throws Error pointing at [offset, offset + size) of the content, with the line where it is short enough
  /// to show.
  [[noreturn]] void fail(std::size_t offset, std::size_t size, std::string message,
                         std::string help = {}) const;
  [[noreturn]] void fail(const CsvCell& cell, std::string message, std::string help = {}) const {
    fail(cell.offset, cell.size, std::move(message), std::move(help));
  }

 private:
  void read_cell(CsvCell& cell);
  void read_quoted(CsvCell& cell);
  bool at_line_end() const {
    return place_ == content_.size() || content_[place_] == '\n' || content_[place_] == '\r';
  }
  void skip_line_end();
  void skip_blanks();

  std::string_view content_;
  char separator_;
  std::filesystem::path path_;
  std::size_t place_ = 0;
};

}  // namespace assay
