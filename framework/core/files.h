#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace affinis {

/// The whole file; throws Error(kIo) that names it.
std::string read_file(const std::filesystem::path& path);

/// Writes beside, syncs, renames: `path` holds either its old contents or all of the new, even after a power cut.
/// Throws Error(kIo) that names the path and the cause (disk full, read-only, ...); nothing is left behind then.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> contents);

/// Creates the folder and its parents; throws Error(kIo) when that fails or a file is in the way.
void make_folder(const std::filesystem::path& path);

/// Throws Error(kIo) unless files can be made in `folder` (made itself when missing): call before work whose result goes there.
void require_writable_folder(const std::filesystem::path& folder);

/// Flushes a finished file or folder to the disk.
void sync_path(const std::filesystem::path& path);

/// A file that another library writes (HDF5, SQLite, an encoder): give it temporary(), then commit().
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }
  /// Syncs temporary() and renames it to the path; without commit() the destructor removes it.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// A folder that appears whole: fill temporary(), then commit() syncs every file in it and renames it to `path`.
/// The temporary folder is `path` + ".partial" and is kept by the destructor, so that an interrupted job finds its checkpoints.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::filesystem::path path);

  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// A fresh folder under the system's temporary folder, removed with everything in it by the destructor.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace affinis
