#include "assay/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace assay::cli {
namespace {

constexpr int kBarWidth = 24;

bool looks_numeric(const std::string& cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell.back())) != 0) &&
         cell.find_first_not_of("0123456789.,+-eE") == std::string::npos;
}

std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{}:{:02}", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
}

}  // namespace

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) != 0; }

bool use_color(ColorChoice choice, std::FILE* stream) {
  if (choice == ColorChoice::always) return true;
  if (choice == ColorChoice::never) return false;
  const char* refused = std::getenv("NO_COLOR");
  return (refused == nullptr || *refused == '\0') && is_terminal(stream);
}

std::size_t display_width(const std::string& text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;  // inside a code point
    const bool combining =
        (byte == 0xCC) || (byte == 0xCD && i + 1 < text.size() &&
                           static_cast<unsigned char>(text[i + 1]) < 0xB0);  // U+0300…U+036F
    if (!combining) ++width;
  }
  return width;
}

std::string Table::render() const {
  std::vector<std::size_t> widths;
  for (const std::string& cell : header_) widths.push_back(display_width(cell));
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size() && c < widths.size(); ++c)
      widths[c] = std::max(widths[c], display_width(row[c]));
  }
  const auto line = [&](const std::vector<std::string>& row, bool header) {
    std::string text;
    for (std::size_t c = 0; c < row.size() && c < widths.size(); ++c) {
      const std::string padding(widths[c] - display_width(row[c]), ' ');
      if (c > 0) text += "  ";
      text += !header && looks_numeric(row[c]) ? padding + row[c] : row[c] + padding;
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text + "\n";
  };
  std::string text = line(header_, true);
  for (const auto& row : rows_) text += line(row, false);
  return text;
}

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), live_(!quiet && is_terminal(stderr)) {}
ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void ProgressBar::begin(std::string label, std::int64_t total) {
  label_ = std::move(label);
  total_ = std::max<std::int64_t>(total, 1);
  started_ = Clock::now();
  painted_ = Clock::time_point();
}

void ProgressBar::advance(std::int64_t done, const std::string& note) {
  using namespace std::chrono_literals;
  const auto now = Clock::now();
  if (!live_ || now - painted_ < 100ms) return;
  painted_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const auto filled = static_cast<int>(done * kBarWidth / total_);
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  const std::string left = rate > 0 ? duration(static_cast<double>(total_ - done) / rate) + " left" : "";
  fmt::print(stderr, "\r\033[K{} {} {}/{}  {:.0f}/s  {}  {}", label_, bar, done, total_, rate, left, note);
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::finish(const std::string& line) {
  clear();
  if (!quiet_) fmt::print(stderr, "{}\n", line);
}

std::string human_bytes(std::size_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace assay::cli
