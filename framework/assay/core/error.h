// Error: the one exception for what a user can mend, and Diagnostic: one finding with its place and its
// remedy. Expected refusals are values (see program/backend.h); numerical findings are rows of a report.
#pragma once

#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// A range of characters in a text file. Lines and columns count from 1; columns and length count code
/// points.
struct SourceRange {
  std::string file;
  int line = 0;
  int column = 0;
  int length = 1;
  std::string text;  ///< the whole line, for the caret
};

struct Diagnostic {
  std::string message;
  std::optional<SourceRange> where;
  std::string label;                 ///< stands behind the carets
  std::vector<std::string> context;  ///< innermost first: "op 'linear'", "layer 'hidden'"
  std::vector<std::string> help;
  std::vector<std::string> notes;

  /// "error: ..." with arrow, source line, carets, help and notes, ending in a newline.
  std::string render(bool color = false) const;
};

class Error : public std::exception {
 public:
  explicit Error(std::string message);
  explicit Error(Diagnostic diagnostic);
  /// REQUIRES: diagnostics is not empty.
  explicit Error(std::vector<Diagnostic> diagnostics);

  const char* what() const noexcept override { return rendered_.c_str(); }
  const std::vector<Diagnostic>& diagnostics() const noexcept { return diagnostics_; }

  /// Adds a frame of context to every diagnostic, outermost last.
  Error& in(std::string frame);
  Error& help(std::string text);
  Error& note(std::string text);
  /// Sets the place of those diagnostics that have none.
  Error& at(const SourceRange& where, std::string label = {});

 private:
  void render();
  std::vector<Diagnostic> diagnostics_;
  std::string rendered_;
};

/// The candidate closest to `name` (optimal string alignment distance, at most a third of the length), or "".
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

/// "a similar name exists: 'x'" or "known names: a, b, c", for Error::help. `what` is "name", "key", ...
std::string suggestion(std::string_view what, std::string_view name, std::span<const std::string> candidates);

/// "a, b, c".
std::string join(std::span<const std::string> names, std::string_view separator = ", ");

}  // namespace assay
