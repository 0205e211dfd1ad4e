#pragma once

#include <mutex>
#include <utility>

#include <hdf5.h>

/// What the folder's own files share about HDF5; nobody outside framework/data includes this.
namespace affinis::data::hdf5 {

/// An HDF5 identifier that closes itself.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, -1);
      close_ = other.close_;
    }
    return *this;
  }
  ~Handle() { reset(); }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now; false when HDF5 refuses, which for a file means that its last bytes were not written.
  bool reset() {
    const bool closed = id_ < 0 || close_(id_) >= 0;
    id_ = -1;
    return closed;
  }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

/// Every call into HDF5 is made while one of these lives: not all builds of HDF5 are thread-safe, and none is concurrent. HDF5's own error
/// stack stays off stderr: our sentences say what happened.
class Session {
 public:
  Session() : lock_(mutex()) {
    // A file whose disk is full cannot be closed; HDF5 keeps it in its books and crashes over it in its exit handler. Ours are all closed.
    [[maybe_unused]] static const herr_t without_exit_handler = H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex instance;
    return instance;
  }
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Creates or opens: one fixed file format, all of whose metadata carries checksums, so that a damaged file is refused, not misread.
inline Handle file_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  // Locks fail on many network file systems; files are written once under another name, so nothing needs them.
  H5Pset_file_locking(access.get(), false, true);
  return access;
}

/// Creation properties without times: the same contents give the same bytes.
inline Handle timeless(hid_t plist_class) {
  Handle properties(H5Pcreate(plist_class), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  return properties;
}

}  // namespace affinis::data::hdf5
