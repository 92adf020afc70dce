#include "assay/experiment/git_state.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "assay/core/program_output.h"
#include "assay/data/file.h"
#include "assay/experiment/run_record.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

// Variables that would make git look at another repository than the folder's (a hook has them set), or run a
// program.
constexpr std::array<std::string_view, 9> kMisleading{"GIT_DIR=",
                                                      "GIT_WORK_TREE=",
                                                      "GIT_INDEX_FILE=",
                                                      "GIT_OBJECT_DIRECTORY=",
                                                      "GIT_ALTERNATE_OBJECT_DIRECTORIES=",
                                                      "GIT_COMMON_DIR=",
                                                      "GIT_NAMESPACE=",
                                                      "GIT_PREFIX=",
                                                      "GIT_EXTERNAL_DIFF="};

std::vector<std::string> environment_for_git() {
  std::vector<std::string> variables;
  for (char** variable = ::environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const bool misleads =
        std::ranges::any_of(kMisleading, [&](std::string_view name) { return text.starts_with(name); });
    if (!misleads) variables.emplace_back(text);
  }
  // Reading must not write the index, ask for a password, or answer in the user's language.
  for (const char* variable : {"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"})
    variables.emplace_back(variable);
  return variables;
}

class Git {
 public:
  Git(fs::path program, fs::path folder)
      : program_(std::move(program)), folder_(std::move(folder)), environment_(environment_for_git()) {}

  ProgramOutput operator()(std::vector<std::string> words, const ProgramLimits& limits = {},
                           bool with_errors = false) const {
    words.insert(words.begin(), {program_.string(), "-C", folder_.string(), "-c", "core.fsmonitor=false"});
    return run_program(words, environment_, limits, with_errors);
  }

 private:
  fs::path program_, folder_;
  std::vector<std::string> environment_;
};

// Looked for before git is asked, which most runs outside of repositories need not wait for.
bool has_repository_above(const fs::path& folder) {
  std::error_code unreadable;
  for (fs::path place = folder;; place = place.parent_path()) {
    if (fs::exists(place / ".git", unreadable)) return true;
    if (place == place.parent_path()) return false;
  }
}

std::string git_failure(const ProgramOutput& output) {
  if (output.end == ProgramOutput::End::too_slow) return "git did not answer in time";
  if (output.end != ProgramOutput::End::exited) return "git failed";
  const std::string_view fatal = "fatal: ";
  const auto begin = output.text.find(fatal);
  if (begin == std::string::npos) return fmt::format("git failed with exit code {}", output.exit_code);
  const std::string line = output.text.substr(begin + fatal.size());
  return "git: " + line.substr(0, line.find('\n'));
}

// Whatever the user's configuration says of how a difference looks, the same patch.
const std::vector<std::string> kDiff{"diff",         "--binary",        "--full-index",    "--no-color",
                                     "--no-renames", "--no-ext-diff",   "--no-textconv",   "--no-relative",
                                     "--unified=3",  "--src-prefix=a/", "--dst-prefix=b/", "HEAD"};

void add_patch(const Git& git, GitState& state) {
  const ProgramOutput diff = git(kDiff, {.bytes = GitState::kMaxPatchBytes});
  state.dirty = !(diff.ok() && diff.text.empty());
  if (!state.dirty) return;
  if (diff.ok()) {
    state.patch = diff.text;
  } else {
    state.patch_lacks = diff.end == ProgramOutput::End::too_long
                            ? fmt::format("longer than {} bytes", GitState::kMaxPatchBytes)
                            : git_failure(diff);
  }
}

std::string hash_of_patch(const std::string& text) {
  return file::ContentHash().add(std::as_bytes(std::span(text))).text();
}

}  // namespace

GitState git_state(const fs::path& folder) {
  GitState state;
  std::error_code unreadable;
  const fs::path place = fs::absolute(folder.empty() ? "." : folder, unreadable);
  if (unreadable || !has_repository_above(place)) {
    state.absent = "no repository";
    return state;
  }
  const fs::path program = find_program("git");
  if (program.empty()) {
    state.absent = "git is not installed";
    return state;
  }
  const Git git(program, place);
  // Two lines; before the first commit, the second one is an error.
  const ProgramOutput place_and_commit = git({"rev-parse", "--show-toplevel", "HEAD^{commit}"});
  if (!place_and_commit.text.starts_with('/')) {
    state.absent = git_failure(git({"rev-parse", "--show-toplevel"}, {}, true));
    return state;
  }
  const std::string& lines = place_and_commit.text;
  const auto end = lines.find('\n');
  state.repository = lines.substr(0, end);
  if (place_and_commit.ok()) {
    state.commit = lines.substr(end + 1, lines.find('\n', end + 1) - end - 1);
    add_patch(git, state);
  }
  return state;
}

std::string git_text(const GitState& state) {
  nlohmann::ordered_json json;
  if (!state.absent.empty()) {
    json["absent"] = state.absent;
  } else {
    json["repository"] = state.repository.string();
    json["commit"] = state.commit.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(state.commit);
    json["dirty"] = state.dirty;
    if (state.patch) json["patch"] = {{"file", "git.patch"}, {"xxh3", hash_of_patch(*state.patch)}};
    if (!state.patch_lacks.empty()) json["patch"] = {{"absent", state.patch_lacks}};
  }
  // Paths may hold any bytes.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void write_git_state(const fs::path& folder, const GitState& state, file::Durability durability) {
  if (state.patch) write_text(folder / "git.patch", *state.patch, durability);
  write_text(folder / "git.json", git_text(state), durability);
}

}  // namespace assay
