// SourceText: one text that was read, with its name and its lines, shared by all nodes of its tree. It turns
// byte offsets into the lines and columns that messages show.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/diagnostics.h"
#include "assay/core/error.h"

namespace assay {

class SourceText {
 public:
  /// The largest file that is read.
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

  /// `name` is what messages call the text: a path as the user gave it, or "--set a.b=VALUE". Relative paths
  /// in the text are relative to `folder`. A byte order mark at the start is dropped.
  SourceText(std::string name, std::filesystem::path folder, std::string text);

  const std::string& name() const noexcept { return name_; }
  const std::filesystem::path& folder() const noexcept { return folder_; }
  std::string_view text() const noexcept { return text_; }

  /// The range of bytes [begin, end), cut at the end of its first line; at least one column long.
  SourceRange range(std::size_t begin, std::size_t end) const;

  /// Where the line that holds `offset` starts.
  std::size_t line_begin(std::size_t offset) const;

 private:
  std::string name_;
  std::filesystem::path folder_;
  std::string text_;
  std::vector<std::size_t> line_begins_;
};

/// Reads a file. Null means that a diagnostic was added: the file is missing (the nearest name in its folder
/// is the help), a directory, not readable, or too large. Its place is `named_at`, where the file is named by
/// another one.
std::shared_ptr<const SourceText> read_source(const std::filesystem::path& path, Diagnostics& diagnostics,
                                              std::optional<SourceRange> named_at = std::nullopt);

}  // namespace assay
