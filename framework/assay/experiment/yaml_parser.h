// Strict YAML: a text becomes a ConfigNode, or one Error with all that is wrong with it.
//
// Not allowed, each with a message that says where and what to do instead: a duplicate key, a key that is not
// text, a key or an element without a value, a second document, anchors, aliases, merge keys, tags,
// directives, tabs as indentation, control characters, text that is not UTF-8, nesting deeper than
// ConfigNode::kMaxDepth, more than SourceText::kMaxBytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "assay/core/diagnostics.h"
#include "assay/experiment/config_tree.h"
#include "assay/experiment/source_text.h"

namespace assay {

/// Longest key in bytes. (A YAML library need not look further than 1024 characters for the ':' behind a
/// key.)
inline constexpr std::size_t kMaxKeyBytes = 200;

/// Throws Error. `file` is what messages call the text; relative paths in it are relative to the folder of
/// `file`.
ConfigNode parse_yaml(std::string_view text, std::string file);

/// Reads and parses a file. Throws Error, also for a missing file (with the nearest name in its folder), a
/// directory, and a file that is too large.
ConfigNode load_yaml(const std::filesystem::path& path);

/// Parses the source from byte `begin` on. nullopt means that diagnostics were added.
std::optional<ConfigNode> parse_yaml(const std::shared_ptr<const SourceText>& source,
                                     Diagnostics& diagnostics, std::size_t begin = 0);

}  // namespace assay
