#include "assay/core/error.h"

#include <algorithm>
#include <utility>

namespace assay {
namespace {

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string paint(bool color, const char* code, const std::string& text) {
  return color ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
}

}  // namespace

std::string Diagnostic::render(bool color) const {
  std::string text = paint(color, "1;31", "error") + ": " + message + "\n";
  std::string gutter = " ";
  if (where) {
    const std::string number = std::to_string(where->line);
    gutter = std::string(number.size() + 1, ' ');
    text += gutter.substr(1) + paint(color, "34", "-->") + " " + where->file;
    if (where->line > 0) {
      text += ":" + number + ":" + std::to_string(where->column) + "\n";
      text += gutter + "|\n" + number + " | " + where->text + "\n" + gutter + "| ";
      text += std::string(static_cast<std::size_t>(std::max(where->column - 1, 0)), ' ');
      text += paint(color, "31", std::string(static_cast<std::size_t>(std::max(where->length, 1)), '^'));
      if (!label.empty()) text += " " + label;
    }
    text += "\n";
  }
  for (const std::string& frame : context) text += gutter + "= in: " + frame + "\n";
  for (const std::string& line : help) text += gutter + "= help: " + line + "\n";
  for (const std::string& line : notes) text += gutter + "= note: " + line + "\n";
  return text;
}

Error::Error(std::string message) : diagnostics_{Diagnostic{}} {
  diagnostics_.front().message = std::move(message);
  render();
}
Error::Error(Diagnostic diagnostic) : diagnostics_{std::move(diagnostic)} { render(); }
Error::Error(std::vector<Diagnostic> diagnostics) : diagnostics_(std::move(diagnostics)) { render(); }

Error& Error::in(std::string frame) {
  for (Diagnostic& diagnostic : diagnostics_) diagnostic.context.push_back(frame);
  render();
  return *this;
}
Error& Error::help(std::string text) {
  if (!text.empty()) diagnostics_.back().help.push_back(std::move(text));
  render();
  return *this;
}
Error& Error::note(std::string text) {
  if (!text.empty()) diagnostics_.back().notes.push_back(std::move(text));
  render();
  return *this;
}
Error& Error::at(const SourceRange& where, std::string label) {
  for (Diagnostic& diagnostic : diagnostics_) {
    if (diagnostic.where) continue;
    diagnostic.where = where;
    diagnostic.label = label;
  }
  render();
  return *this;
}

void Error::render() {
  rendered_.clear();
  for (const Diagnostic& diagnostic : diagnostics_) rendered_ += diagnostic.render();
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view what, std::string_view name,
                       std::span<const std::string> candidates) {
  if (const std::string near = nearest_name(name, candidates); !near.empty()) {
    return "a similar " + std::string(what) + " exists: '" + near + "'";
  }
  return candidates.empty()
             ? "there is no " + std::string(what) + " to choose from"
             : "known " + std::string(what) + (what.ends_with('s') ? "es: " : "s: ") + join(candidates);
}

std::string join(std::span<const std::string> names, std::string_view separator) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

}  // namespace assay
