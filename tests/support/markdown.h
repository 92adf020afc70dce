// The fenced blocks of a Markdown file, which the tests of a README run.
#pragma once

#include <string>
#include <vector>

namespace assay::test {

/// ```sh test exit=2
struct MarkdownBlock {
  std::string language;
  bool marked = false;       ///< "test"
  bool takes_hours = false;  ///< "hours": too long for a test
  int exit_code = 0;         ///< "exit=2"
  std::string file;          ///< "file=swish/swish.cc": whose text it is
  int line = 0;              ///< of the fence
  std::string text;
};

std::vector<MarkdownBlock> blocks_of(const std::string& markdown);

}  // namespace assay::test
