#include "support/markdown.h"

#include <sstream>

namespace assay::test {

std::vector<MarkdownBlock> blocks_of(const std::string& markdown) {
  std::vector<MarkdownBlock> blocks;
  std::istringstream lines(markdown);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.starts_with("```")) {
      if (inside) blocks.back().text += line + "\n";
      continue;
    }
    inside = !inside;
    if (!inside) continue;
    MarkdownBlock block;
    block.line = number;
    std::istringstream words(line.substr(3));
    words >> block.language;
    for (std::string word; words >> word;) {
      block.marked = block.marked || word == "test";
      block.takes_hours = block.takes_hours || word == "hours";
      if (word.starts_with("exit=")) block.exit_code = std::stoi(word.substr(5));
      if (word.starts_with("file=")) block.file = word.substr(5);
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace assay::test
