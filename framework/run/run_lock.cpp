#include "framework/run/run_lock.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <string>
#include <thread>
#include <vector>

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

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// Who says that it holds the lock; process 0 when the file does not say.
struct Holder {
  pid_t process = 0;
  std::string host;

  /// Also true while a new holder has not written its number yet. What runs on another machine cannot be asked.
  bool is_gone() const {
    return process <= 0 || (host == host_name() && ::kill(process, 0) != 0 && errno == ESRCH);
  }
};

Holder holder(const std::filesystem::path& path) {
  const std::vector<std::string> lines = split(read_file(path), '\n');
  Holder result;
  if (!lines.empty()) result.process = static_cast<pid_t>(parse_integer(lines[0]).value_or(0));
  if (lines.size() > 1) result.host = lines[1];
  return result;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder, bool brief) {
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
    const Holder first = holder(path);
    AFFINIS_CHECK(first.is_gone() && std::chrono::steady_clock::now() < give_up, ErrorCode::kIo,
                  "the run in {} is already being worked on by process {} on {}: wait for it, or "
                  "end it and start again",
                  folder.string(), first.process, first.host);
    std::this_thread::sleep_for(kPause);
  }
  const std::string line = fmt::format("{}\n{}\n", brief ? 0 : ::getpid(), host_name());
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
