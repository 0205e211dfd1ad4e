#include "framework/core/files.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/fs.h>
#include <sys/syscall.h>
#endif

#include <fmt/core.h>

#include "framework/core/detail/temporary_name.h"
#include "framework/core/error.h"

namespace affinis {
namespace {

namespace fs = std::filesystem;

std::string cause(int number) {
  switch (number) {
    case ENOSPC:
      return "the disk is full; free some space there or choose another folder";
    case EDQUOT:
      return "the disk quota is used up; free some space there or choose another folder";
    case EROFS:
      return "the file system is read-only; choose another folder";
    case EACCES:
    case EPERM:
      return "permission is denied; change its permissions or choose another folder";
    case ENOENT:
      return "it or a folder above it does not exist; check the path";
    case ENOTDIR:
      return "something above it is a file and not a folder; check the path";
    case EISDIR:
      return "it is a folder and not a file; check the path";
    case EEXIST:
      return "something is there already; choose another path";
    case ELOOP:
      return "its symbolic links lead in a circle; check the path";
    case ENAMETOOLONG:
      return "the name is too long; choose a shorter one";
    case EFBIG:
      return "the file is too large for this file system or a limit on file sizes; choose another "
             "folder";
    case EMFILE:
    case ENFILE:
      return "too many files are open; raise the limit (ulimit -n)";
    case EIO:
      return "the disk reports an input/output error; check the disk";
    default:
      return std::generic_category().message(number);
  }
}

[[noreturn]] void refuse(const char* action, const fs::path& path, int number) {
  fail(ErrorCode::kIo, "cannot {} '{}': {}", action, path.string(), cause(number));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// 0 or errno: network file systems report a full disk only here.
  int close() { return ::close(std::exchange(number_, -1)) == 0 ? 0 : errno; }

 private:
  int number_;
};

int open_retrying(const fs::path& path, int flags, mode_t mode = 0) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (number >= 0 || errno != EINTR) return number;
  }
}

int write_all(int number, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(number, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

int sync_descriptor(int number) {
  while (::fsync(number) != 0) {
    if (errno == EINTR) continue;
    // Pipes, devices and some network folders cannot be synced; there is nothing to wait for then.
    if (errno == EINVAL || errno == ENOTSUP) return 0;
    return errno;
  }
  return 0;
}

fs::path folder_of(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

// Hidden and with the extension kept: encoders choose their format by it, and searches for "*.h5" pass it by.
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<std::uint64_t> counter{0};
  // Long names leave no room for the addition in the 255 bytes that file systems allow.
  const std::string stem = path.stem().string().substr(0, 160);
  return folder_of(path) / fmt::format(".{}{}{}-{}{}", stem, detail::kTemporaryMark, ::getpid(), counter.fetch_add(1),
                                       path.extension().string());
}

// A symbolic link stays one: its target is replaced.
fs::path through_links(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_symlink(path, problem)) return path;
  fs::path target = fs::canonical(path, problem);
  return problem ? path : target;
}

void rename_and_sync(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) refuse("write", to, errno);
  sync_path(folder_of(to));
}

// Two names change places in one step, so that no moment is without either; false where the system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
#if defined(__linux__) && defined(SYS_renameat2) && defined(RENAME_EXCHANGE)
  return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
#else
  (void)a;
  (void)b;
  return false;
#endif
}

void write_directly(const fs::path& path, std::span<const std::byte> contents) {
  Descriptor file(open_retrying(path, O_WRONLY));
  if (!file.is_open()) refuse("write", path, errno);
  if (const int problem = write_all(file.get(), contents)) refuse("write", path, problem);
  if (const int problem = file.close()) refuse("write", path, problem);
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.is_open()) refuse("read", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refuse("read", path, errno);
  std::string contents;
  // The size is a hint: files of /proc and pipes have none.
  contents.resize(S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1
                                          : std::size_t{1} << 16);
  std::size_t size = 0;
  for (;;) {
    if (size == contents.size()) contents.resize(2 * contents.size());
    const ssize_t count = ::read(file.get(), contents.data() + size, contents.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse("read", path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  contents.resize(size);
  return contents;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  write_file_atomically(path, std::as_bytes(std::span(contents.data(), contents.size())));
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> contents) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) refuse("write", path, EISDIR);
    // A device or pipe (/dev/stdout) must not be replaced by a file.
    if (!S_ISREG(status.st_mode)) return write_directly(path, contents);
  }
  const fs::path target = through_links(path);
  const fs::path temporary = temporary_beside(target);
  Descriptor file(open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666));
  if (!file.is_open()) refuse("write", path, errno);
  int problem = write_all(file.get(), contents);
  if (problem == 0) problem = sync_descriptor(file.get());
  if (const int at_close = file.close(); problem == 0) problem = at_close;
  if (problem == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) problem = errno;
  if (problem != 0) {
    ::unlink(temporary.c_str());
    refuse("write", path, problem);
  }
  sync_path(folder_of(target));
}

void make_folder(const std::filesystem::path& path) {
  std::error_code problem;
  fs::create_directories(path, problem);
  if (!problem && fs::is_directory(path, problem)) return;
  for (fs::path above = path; !above.empty() && above != above.root_path();
       above = above.parent_path()) {
    std::error_code ignored;
    if (fs::exists(above, ignored) && !fs::is_directory(above, ignored)) {
      fail(ErrorCode::kIo,
           "cannot make the folder '{}': '{}' is a file and in the way; move it or choose another "
           "folder",
           path.string(), above.string());
    }
  }
  refuse("make the folder", path, problem ? problem.value() : ENOTDIR);
}

void require_writable_folder(const std::filesystem::path& folder) {
  make_folder(folder);
  const fs::path probe = temporary_beside(folder / "probe");
  Descriptor file(open_retrying(probe, O_WRONLY | O_CREAT | O_EXCL, 0666));
  if (!file.is_open()) refuse("make files in the folder", folder, errno);
  const std::byte byte{0};
  int problem = write_all(file.get(), std::span(&byte, 1));
  if (const int at_close = file.close(); problem == 0) problem = at_close;
  ::unlink(probe.c_str());
  if (problem != 0) refuse("make files in the folder", folder, problem);
}

void sync_path(const std::filesystem::path& path) {
  const Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.is_open()) refuse("sync", path, errno);
  if (const int problem = sync_descriptor(file.get())) refuse("sync", path, problem);
}

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(through_links(path)), temporary_(temporary_beside(path_)) {
  std::error_code ignored;
  if (fs::is_directory(path_, ignored)) refuse("write", path_, EISDIR);
  AFFINIS_CHECK(!fs::exists(path_, ignored) || fs::is_regular_file(path_, ignored), ErrorCode::kIo,
                "cannot write '{}': it is a device or pipe and not a file; choose another path",
                path_.string());
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  AFFINIS_ASSERT(!committed_);
  sync_path(temporary_);
  rename_and_sync(temporary_, path_);
  committed_ = true;
}

AtomicFolder::AtomicFolder(std::filesystem::path path) : path_(std::move(path)) {
  // "runs/a/" would put the temporary folder inside the folder that it becomes.
  if (!path_.has_filename()) path_ = path_.parent_path();
  temporary_ = path_;
  temporary_ += ".partial";
  make_folder(temporary_);
}

void AtomicFolder::commit() {
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temporary_)) {
      if (!entry.is_symlink() && (entry.is_regular_file() || entry.is_directory()))
        sync_path(entry.path());
    }
  } catch (const fs::filesystem_error& problem) {
    refuse("finish the folder", path_, problem.code().value());
  }
  sync_path(temporary_);

  std::error_code problem;
  if (!fs::exists(fs::symlink_status(path_, problem))) return rename_and_sync(temporary_, path_);

  AFFINIS_CHECK(fs::is_directory(path_, problem), ErrorCode::kIo,
                "cannot finish the folder '{}': a file is in the way; move it away",
                path_.string());
  // What is replaced gets a name of its own before it is deleted: half a folder named .partial would look like a
  // checkpoint to the next attempt.
  const fs::path old = temporary_beside(path_);
  if (exchange(temporary_, path_)) {
    rename_and_sync(temporary_, old);
  } else {
    if (::rename(path_.c_str(), old.c_str()) != 0) refuse("replace", path_, errno);
    rename_and_sync(temporary_, path_);
  }
  fs::remove_all(old, problem);
}

TemporaryFolder::TemporaryFolder() {
  std::error_code problem;
  const fs::path folder = fs::temp_directory_path(problem);
  AFFINIS_CHECK(!problem, ErrorCode::kIo,
                "there is no folder for temporary files; set TMPDIR to one");
  std::string name = (folder / "affinis-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) refuse("make a temporary folder in", folder, errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace affinis
