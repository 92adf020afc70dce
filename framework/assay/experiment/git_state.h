// GitState: the commit that an experiment's repository stood at when its run began, and what was changed
// since, so that the sources around the experiment can be had again. No part of the result: a run depends on
// its record alone.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "assay/data/file.h"

namespace assay {

struct GitState {
  /// A longer patch is not stored.
  static constexpr std::size_t kMaxPatchBytes = std::size_t{1} << 20;

  std::string absent;                ///< why nothing is known: "no repository", "git is not installed", ...
  std::filesystem::path repository;  ///< its uppermost folder
  std::string commit;                ///< empty before the first one
  bool dirty = false;                ///< files that git knows are not those of the commit
  std::optional<std::string> patch;  ///< makes the commit's files these, by `git apply`
  std::string patch_lacks;           ///< why a dirty state has no patch
};

/// Of the repository around the folder. Asks git, which changes nothing there, for some seconds at most. What
/// cannot be told is said in the state; throws Error only where no process can be made.
GitState git_state(const std::filesystem::path& folder);

/// git.json, and where there is a patch, git.patch, in a run's folder or a sweep's.
void write_git_state(const std::filesystem::path& folder, const GitState& state,
                     file::Durability durability = file::Durability::now);

/// git.json.
std::string git_text(const GitState& state);

}  // namespace assay
