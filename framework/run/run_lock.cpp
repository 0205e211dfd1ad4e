#include "framework/run/run_lock.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace affinis::run {
namespace {

std::filesystem::path lock_path(const std::filesystem::path& folder) { return folder / "run.lock"; }

struct flock whole_file() {
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

/// The process that says it holds the lock; 0 when the file does not say.
pid_t holder(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  return static_cast<pid_t>(parse_integer(text.substr(0, text.find('\n'))).value_or(0));
}

/// Also true while a new holder has not written its number yet.
bool is_gone(pid_t process) { return process <= 0 || (::kill(process, 0) != 0 && errno == ESRCH); }

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = lock_path(folder);
  file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  AFFINIS_CHECK(file_.is_open(), ErrorCode::kIo, "{} cannot be opened: {}", path.string(),
                std::generic_category().message(errno));

  constexpr std::chrono::seconds kPatience{10};
  constexpr std::chrono::milliseconds kPause{10};
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  struct flock range = whole_file();
  while (::fcntl(file_.number(), F_OFD_SETLK, &range) != 0) {
    const int cause = errno;
    AFFINIS_CHECK(cause == EAGAIN || cause == EACCES || cause == EINTR, ErrorCode::kIo,
                  "{} cannot be locked: {}", path.string(), std::generic_category().message(cause));
    const pid_t first = holder(path);
    AFFINIS_CHECK(is_gone(first) && std::chrono::steady_clock::now() < give_up, ErrorCode::kIo,
                  "the run in {} is already being worked on by process {}: wait for it, or end it "
                  "and start again",
                  folder.string(), first);
    std::this_thread::sleep_for(kPause);
  }
  const std::string line = std::to_string(::getpid()) + "\n";
  const bool written =
      ::ftruncate(file_.number(), 0) == 0 &&
      ::pwrite(file_.number(), line.data(), line.size(), 0) == static_cast<ssize_t>(line.size());
  AFFINIS_CHECK(written, ErrorCode::kIo, "{} cannot be written: {}", path.string(),
                std::generic_category().message(errno));
}

bool is_locked(const std::filesystem::path& folder) {
  const Descriptor file(::open(lock_path(folder).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return false;
  struct flock range = whole_file();
  return ::fcntl(file.number(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

}  // namespace affinis::run
