#include "framework/data/array_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <hdf5.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/data/hdf5_handle.h"

namespace affinis::data {
namespace {

using hdf5::Handle;

constexpr const char* kMagic = "affinis array file";
constexpr std::int64_t kVersion = 1;

Handle half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  // Fields first: HDF5 refuses a size that the present fields do not fit.
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  return type;
}

Handle type_on_disk(ArrayType type) {
  switch (type) {
    case ArrayType::kF16: return half_type();
    case ArrayType::kF32: return {H5Tcopy(H5T_IEEE_F32LE), H5Tclose};
    case ArrayType::kF64: return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
    case ArrayType::kI64: return {H5Tcopy(H5T_STD_I64LE), H5Tclose};
    case ArrayType::kU8: return {H5Tcopy(H5T_STD_U8LE), H5Tclose};
  }
  return {-1, H5Tclose};
}

const char* type_name(ArrayType type) {
  switch (type) {
    case ArrayType::kF16: return "f16";
    case ArrayType::kF32: return "f32";
    case ArrayType::kF64: return "f64";
    case ArrayType::kI64: return "i64";
    case ArrayType::kU8: return "u8";
  }
  return "";
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

/// Bytes of an array that the header describes; nothing when the shape is nonsense or larger than the file.
std::optional<std::size_t> size_of(const std::vector<std::int64_t>& shape, ArrayType type, std::uintmax_t file_size) {
  std::size_t size = array_element_size(type);
  if (std::count(shape.begin(), shape.end(), 0) > 0) size = 0;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (size == 0) continue;
    if (static_cast<std::uintmax_t>(extent) > file_size / size) return std::nullopt;
    size *= static_cast<std::size_t>(extent);
  }
  return size;
}

/// Everything but the numbers: one JSON text, with each array's type, shape and checksum.
nlohmann::json header_of(const ArrayFile& file) {
  nlohmann::json arrays = nlohmann::json::object();
  for (const auto& [name, array] : file.arrays) {
    arrays[name] = {{"type", type_name(array.type)}, {"shape", array.shape}, {"crc32c", crc32c(array.bytes)}};
  }
  return {{"magic", kMagic}, {"version", kVersion}, {"kind", file.kind},
          {"attributes", file.attributes}, {"arrays", arrays}, {"strings", file.strings}};
}

bool write_bytes(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& extents, const void* bytes) {
  const Handle properties = hdf5::timeless(H5P_DATASET_CREATE);
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose);
  const Handle dataset(H5Dcreate2(file, name, type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Dclose);
  return dataset && H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
}

std::vector<std::byte> read_bytes(hid_t file, const std::string& name, hid_t type, std::size_t size,
                                  const std::filesystem::path& path) {
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  AFFINIS_CHECK(bool(dataset), ErrorCode::kFormat, "{}: array '{}' is missing; make the file anew", path.string(), name);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const Handle stored(H5Dget_type(dataset.get()), H5Tclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  const bool fits = stored && count >= 0 && static_cast<std::size_t>(count) * H5Tget_size(stored.get()) == size;
  AFFINIS_CHECK(fits, ErrorCode::kFormat, "{}: array '{}' has another size than its header says; make the file anew",
                path.string(), name);
  std::vector<std::byte> bytes(size);
  AFFINIS_CHECK(size == 0 || H5Dread(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0,
                ErrorCode::kFormat, "{}: array '{}' cannot be read (the file is cut off or damaged); make it anew",
                path.string(), name);
  return bytes;
}

ArrayType type_by_name(const std::string& name, const std::filesystem::path& path) {
  for (const ArrayType type : {ArrayType::kF16, ArrayType::kF32, ArrayType::kF64, ArrayType::kI64, ArrayType::kU8}) {
    if (name == type_name(type)) return type;
  }
  fail(ErrorCode::kFormat, "{}: unknown element type '{}'; the file is from a newer Affinis or damaged", path.string(), name);
}

ArrayFile read_contents(hid_t file, const nlohmann::json& header, const std::string& kind, std::uintmax_t file_size,
                        const std::filesystem::path& path) {
  AFFINIS_CHECK(header.at("version") == kVersion, ErrorCode::kFormat,
                "{} has format version {}, this program reads version {}; use the Affinis that wrote it", path.string(),
                header.at("version").dump(), kVersion);
  AFFINIS_CHECK(header.at("kind") == kind, ErrorCode::kFormat, "{} holds {}, not {}", path.string(), header.at("kind").dump(), kind);
  ArrayFile result;
  result.kind = kind;
  result.attributes = header.at("attributes");
  result.strings = header.at("strings").get<std::map<std::string, std::vector<std::string>>>();
  for (const auto& [name, entry] : header.at("arrays").items()) {
    Array array;
    array.type = type_by_name(entry.at("type").get<std::string>(), path);
    array.shape = entry.at("shape").get<std::vector<std::int64_t>>();
    const std::optional<std::size_t> size = size_of(array.shape, array.type, file_size);
    AFFINIS_CHECK(size.has_value(), ErrorCode::kFormat, "{}: array '{}' says a shape that the file cannot hold; make the file anew",
                  path.string(), name);
    array.bytes = read_bytes(file, name, type_on_disk(array.type).get(), *size, path);
    AFFINIS_CHECK(crc32c(array.bytes) == entry.at("crc32c").get<std::uint32_t>(), ErrorCode::kFormat,
                  "{}: the checksum of array '{}' disagrees: the file is damaged; make it anew", path.string(), name);
    result.arrays[name] = std::move(array);
  }
  return result;
}

}  // namespace

std::size_t array_element_size(ArrayType type) {
  switch (type) {
    case ArrayType::kF16: return 2;
    case ArrayType::kF32: return 4;
    case ArrayType::kF64:
    case ArrayType::kI64: return 8;
    case ArrayType::kU8: return 1;
  }
  return 0;
}

Array Array::of(std::span<const double> values, std::vector<std::int64_t> shape) {
  AFFINIS_ASSERT(product(shape) == static_cast<std::int64_t>(values.size()));
  const auto bytes = std::as_bytes(values);
  return {ArrayType::kF64, std::move(shape), {bytes.begin(), bytes.end()}};
}

Array Array::of(std::span<const std::int64_t> values) {
  const auto bytes = std::as_bytes(values);
  return {ArrayType::kI64, {static_cast<std::int64_t>(values.size())}, {bytes.begin(), bytes.end()}};
}

const Array& ArrayFile::array(const std::string& name, const std::filesystem::path& path) const {
  const auto it = arrays.find(name);
  AFFINIS_CHECK(it != arrays.end(), ErrorCode::kFormat, "{}: array '{}' is missing; make the file anew", path.string(), name);
  return it->second;
}

void write_array_file(const std::filesystem::path& path, const ArrayFile& contents) {
  const hdf5::Session session;
  AtomicFile atomic(path);
  bool written = true;
  errno = 0;
  {
    const Handle creation = hdf5::timeless(H5P_FILE_CREATE);
    const Handle access = hdf5::file_access();
    Handle file(H5Fcreate(atomic.temporary().c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
    AFFINIS_CHECK(bool(file), ErrorCode::kIo, "cannot create {}; is the folder there and writable?", path.string());
    const std::string header = header_of(contents).dump();
    const Handle text(H5Tcopy(H5T_STD_U8LE), H5Tclose);
    written = write_bytes(file.get(), "header", text.get(), {header.size()}, header.data());
    for (const auto& [name, array] : contents.arrays) {
      AFFINIS_ASSERT(array.bytes.size() == static_cast<std::size_t>(product(array.shape)) * array_element_size(array.type));
      AFFINIS_ASSERT(!name.empty() && name != "header" && name.find('/') == std::string::npos);
      const std::vector<hsize_t> extents(array.shape.begin(), array.shape.end());
      written = written && write_bytes(file.get(), name.c_str(), type_on_disk(array.type).get(), extents, array.bytes.data());
    }
    written = written && H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0;
    written = file.reset() && written;
  }
  AFFINIS_CHECK(written, ErrorCode::kIo, "cannot write {} ({}); is the disk full?", path.string(),
                errno != 0 ? std::strerror(errno) : "HDF5 refused");
  atomic.commit();
}

ArrayFile read_array_file(const std::filesystem::path& path, const std::string& kind) {
  const hdf5::Session session;
  std::error_code unreadable;
  const std::uintmax_t file_size = std::filesystem::file_size(path, unreadable);
  AFFINIS_CHECK(!unreadable, ErrorCode::kIo, "cannot open {}: {}", path.string(), unreadable.message());
  const Handle access = hdf5::file_access();
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  AFFINIS_CHECK(bool(file), ErrorCode::kFormat, "{} is not an HDF5 file, or is cut off; make it anew", path.string());

  const Handle header_set(H5Dopen2(file.get(), "header", H5P_DEFAULT), H5Dclose);
  AFFINIS_CHECK(bool(header_set), ErrorCode::kFormat, "{} is an HDF5 file, but not one of Affinis' {} files", path.string(), kind);
  const Handle header_space(H5Dget_space(header_set.get()), H5Sclose);
  const auto header_size = static_cast<std::uintmax_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(header_space.get())));
  AFFINIS_CHECK(header_size <= file_size, ErrorCode::kFormat, "{}: its header is larger than the file, which is damaged; make it anew",
                path.string());
  const Handle text(H5Tcopy(H5T_STD_U8LE), H5Tclose);
  const std::vector<std::byte> header_bytes = read_bytes(file.get(), "header", text.get(), header_size, path);
  const auto* characters = reinterpret_cast<const char*>(header_bytes.data());
  const nlohmann::json header = nlohmann::json::parse(characters, characters + header_bytes.size(), nullptr, false);
  try {
    const bool ours = header.is_object() && header.value("magic", "") == kMagic;
    AFFINIS_CHECK(ours, ErrorCode::kFormat, "{} is an HDF5 file, but not one of Affinis' {} files", path.string(), kind);
    return read_contents(file.get(), header, kind, file_size, path);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kFormat, "{}: its header is damaged ({}); make the file anew", path.string(), error.what());
  }
}

}  // namespace affinis::data
