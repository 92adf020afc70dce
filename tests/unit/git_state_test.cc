// What a record says of the repository around an experiment, and what it says where there is none.
#include "assay/experiment/git_state.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/assay_process.h"
#include "support/requirement.h"
#include "support/temporary_directory.h"

namespace assay {
namespace {

class GitStateTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSAY_NEEDS(std::filesystem::exists("/usr/bin/git"), "git"); }
  std::string git(std::vector<std::string> words, const std::filesystem::path& where) const {
    words.insert(words.begin(),
                 {"-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"});
    const test::ProcessResult result = test::run_process("/usr/bin/git", words, {.folder = where});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  // A repository with one commit, in a folder whose name a shell would take apart.
  void make_repository() {
    std::filesystem::create_directories(repository_ / "experiments");
    git({"init", "--quiet"}, repository_);
    write("experiments/a.yaml", "one\ntwo\n");
    git({"add", "."}, repository_);
    git({"commit", "--quiet", "-m", "first"}, repository_);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(repository_ / name, std::ios::binary) << text;
  }
  GitState state() const { return git_state(repository_ / "experiments"); }

  test::TemporaryDirectory folder_;
  std::filesystem::path repository_ = folder_ / "re po;$(touch x)'";
};

TEST_F(GitStateTest, OfACommit) {
  make_repository();
  const GitState found = state();
  EXPECT_EQ(found.absent, "");
  EXPECT_EQ(found.repository, repository_);
  EXPECT_EQ(found.commit + "\n", git({"rev-parse", "HEAD"}, repository_));
  EXPECT_FALSE(found.dirty);
  EXPECT_FALSE(found.patch);
  write("notes", "git does not know it");
  EXPECT_FALSE(state().dirty);
  const nlohmann::json json = nlohmann::json::parse(git_text(found));
  EXPECT_EQ(json["commit"], found.commit);
  EXPECT_EQ(json["dirty"], false);
}

TEST_F(GitStateTest, OfChangedFilesWithAPatchThatMakesThemAgain) {
  make_repository();
  // However the user wants differences shown.
  git({"config", "diff.noprefix", "true"}, repository_);
  git({"config", "color.ui", "always"}, repository_);
  git({"config", "diff.external", "/bin/false"}, repository_);
  write("experiments/a.yaml", "one\n2\n");
  const std::string bytes("\0\1\377binary", 9);
  write("experiments/b", bytes);
  git({"add", "experiments/b"}, repository_);
  const GitState found = state();
  EXPECT_TRUE(found.dirty);
  ASSERT_TRUE(found.patch);
  write_git_state(folder_.path(), found);
  const nlohmann::json json = nlohmann::json::parse(test::contents(folder_ / "git.json"));
  EXPECT_EQ(json["patch"]["file"], "git.patch");

  git({"clone", "--quiet", repository_.string(), (folder_ / "clone").string()}, folder_.path());
  git({"apply", (folder_ / "git.patch").string()}, folder_ / "clone");
  EXPECT_EQ(test::contents(folder_ / "clone/experiments/a.yaml"), "one\n2\n");
  EXPECT_EQ(test::contents(folder_ / "clone/experiments/b"), bytes);
  write("experiments/a.yaml", "one\n3\n");
  EXPECT_NE(git_text(state()), git_text(found)) << "another patch is told from the first";
}

TEST_F(GitStateTest, APatchThatIsTooLongIsNotStored) {
  make_repository();
  write("experiments/a.yaml", std::string(GitState::kMaxPatchBytes, 'x'));
  const GitState found = state();
  EXPECT_TRUE(found.dirty);
  EXPECT_FALSE(found.patch);
  EXPECT_EQ(found.patch_lacks, "longer than 1048576 bytes");
}

TEST_F(GitStateTest, BeforeTheFirstCommit) {
  std::filesystem::create_directories(repository_ / "experiments");
  git({"init", "--quiet"}, repository_);
  EXPECT_EQ(state().absent, "");
  EXPECT_EQ(state().commit, "");
  EXPECT_TRUE(nlohmann::json::parse(git_text(state()))["commit"].is_null());
}

TEST_F(GitStateTest, AnotherRepositoryOfTheEnvironmentDoesNotCount) {
  make_repository();
  const std::filesystem::path other = folder_ / "other";
  std::filesystem::create_directories(other);
  git({"init", "--quiet"}, other);
  ::setenv("GIT_DIR", (other / ".git").c_str(), 1);
  const GitState found = state();
  ::unsetenv("GIT_DIR");
  EXPECT_EQ(found.repository, repository_);
}

TEST_F(GitStateTest, WhatCannotBeToldIsSaid) {
  EXPECT_EQ(git_state(folder_.path()).absent, "no repository");
  EXPECT_EQ(git_text(git_state(folder_.path())), "{\n  \"absent\": \"no repository\"\n}\n");
  make_repository();
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  EXPECT_EQ(state().absent, "git is not installed");
  // A git that prints what it should not.
  folder_.file("git", "#!/bin/sh\necho nonsense; exit 128\n");
  std::filesystem::permissions(folder_ / "git", std::filesystem::perms::owner_all);
  ::setenv("PATH", folder_.path().c_str(), 1);
  EXPECT_EQ(state().absent, "git failed with exit code 128");
  ::setenv("PATH", path.c_str(), 1);
  std::ofstream(repository_ / ".git/HEAD") << "damaged";
  EXPECT_NE(state().absent.find("git: "), std::string::npos) << state().absent;
}

}  // namespace
}  // namespace assay
