#include "assay/plugin_templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string_view>

#include "assay/core/error.h"

namespace assay::cli {

/// Made by the build from plugins/: (example, file's name, its text).
struct ExampleFile {
  std::string_view example, file, text;
};
extern const std::vector<ExampleFile> example_files;

namespace {

const std::map<std::string, std::string, std::less<>>& examples() {
  static const std::map<std::string, std::string, std::less<>> by_kind{
      {"activation", "swish"}, {"layer", "gated_linear"}, {"op", "cumulative_sum"}, {"kernel", "avx512_add"},
      {"backend", "tiled"},    {"optimizer", "lion"},     {"data", "rings"}};
  return by_kind;
}

// "soft_step" → "SoftStep", for the names of types.
std::string camel(std::string_view name) {
  std::string result;
  bool start = true;
  for (const char c : name) {
    if (c == '_') {
      start = true;
    } else {
      result += start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      start = false;
    }
  }
  return result;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Replaces `from` where it is a word, or the beginning of one that goes on with '_' (swish_grad).
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const char next = at + from.size() < text.size() ? text[at + from.size()] : ' ';
    if (!begins || std::isalnum(static_cast<unsigned char>(next)) != 0) {
      at += from.size() - to.size();
      continue;
    }
    text.replace(at, from.size(), to);
  }
  return text;
}

void require_name(const std::string& name) {
  const bool good =
      !name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  if (!good)
    throw Error(fmt::format("'{}' is no name for a plugin", name))
        .help("a lower-case letter, then lower-case letters, digits and '_'");
}

}  // namespace

std::vector<std::string> plugin_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, example] : examples()) kinds.push_back(kind);
  return kinds;
}

std::vector<std::filesystem::path> write_plugin(const std::string& name, const std::string& kind,
                                                const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  require_name(name);
  const std::string& example = examples().find(kind)->second;
  if (fs::exists(folder) && (!fs::is_directory(folder) || !fs::is_empty(folder)))
    throw Error(fmt::format("'{}' is there already", folder.string())).help("choose another folder with -o");
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure)
    throw Error(fmt::format("the folder '{}' cannot be made: {}", folder.string(), failure.message()));
  std::vector<fs::path> written;
  for (const ExampleFile& file : example_files) {
    if (file.example != example) continue;
    const fs::path path = folder / replaced(std::string(file.file), example, name);
    std::ofstream out(path, std::ios::binary);
    out << replaced(replaced(std::string(file.text), example, name), camel(example), camel(name));
    if (!out.flush()) throw Error(fmt::format("'{}' cannot be written", path.string()));
    written.push_back(path);
  }
  return written;
}

}  // namespace assay::cli
