// What standard error and output can show, and the two things drawn there: tables and a progress bar.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace assay::cli {

/// --color auto|always|never, and NO_COLOR.
enum class ColorChoice : std::uint8_t { automatic, always, never };
bool use_color(ColorChoice choice, std::FILE* stream);
bool is_terminal(std::FILE* stream);

/// Columns padded to their widest cell; numbers to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string render() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// A line that redraws itself on a terminal, with rate and time left; elsewhere a plain line per finished
/// part.
class ProgressBar {
 public:
  explicit ProgressBar(bool quiet);
  ~ProgressBar();
  /// Starts a part of `total` units, such as an epoch of that many steps.
  void begin(std::string label, std::int64_t total);
  void advance(std::int64_t done, const std::string& note);
  /// Ends the part with a line that stays.
  void finish(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();
  bool quiet_;
  bool live_;
  bool drawn_ = false;
  std::string label_;
  std::int64_t total_ = 0;
  Clock::time_point started_, painted_;
};

/// Printable width in columns of UTF-8 text, combining marks counting nothing.
std::size_t display_width(const std::string& text);

/// "1.5 MiB".
std::string human_bytes(std::size_t bytes);

}  // namespace assay::cli
