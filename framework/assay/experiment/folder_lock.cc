#include "assay/experiment/folder_lock.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include "assay/core/error.h"

namespace assay {
namespace {

// A process that was killed holds its lock until the kernel has taken it apart; whoever starts the next one
// at once, as a sweep does that goes on, meets it.
constexpr std::chrono::milliseconds kPatience{1000};

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string holder_in(int descriptor) {
  char text[512];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  if (size <= 0) return "another process";
  std::string holder(text, static_cast<std::size_t>(size));
  return holder.substr(0, holder.find('\n'));
}

// Whether the file that the descriptor is of still has the path: who held it before may have removed it.
bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat opened {
  }, found{};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &found) == 0 &&
         opened.st_ino == found.st_ino && opened.st_dev == found.st_dev;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, std::string_view what) : path_(folder / "lock") {
  const auto fail = [&](int reason) {
    throw Error(fmt::format("cannot lock '{}': {}", path_.string(), std::generic_category().message(reason)));
  };
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  do {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail(errno);
    while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      const int reason = errno;
      if (reason == EWOULDBLOCK && std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(kPatience / 100);
        continue;
      }
      const std::string holder = holder_in(descriptor_);
      ::close(descriptor_);
      if (reason != EWOULDBLOCK) fail(reason);
      throw Error(fmt::format("the {} '{}' is in use by {}", what, folder.string(), holder))
          .help("wait for it to end, or stop it");
    }
  } while (!is_at(descriptor_, path_));
  const std::string text = fmt::format("process {} on {}, since {:%Y-%m-%dT%H:%M:%SZ}\n", ::getpid(),
                                       host_name(), fmt::gmtime(std::time(nullptr)));
  // What it says is for people; the lock is the kernel's.
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, text.data(), text.size(), 0) < 0) {
    const int reason = errno;
    ::close(descriptor_);
    fail(reason);
  }
}

FolderLock::~FolderLock() {
  ::unlink(path_.c_str());  // while it is held, so that nobody removes another's
  ::close(descriptor_);
}

}  // namespace assay
