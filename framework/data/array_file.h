#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace affinis::data {

/// Element type of an array on disk; half precision is stored as IEEE binary16, which h5py reads as float16.
enum class ArrayType { kF16, kF32, kF64, kI64, kU8 };

std::size_t array_element_size(ArrayType type);

/// One dense array, row-major.
struct Array {
  ArrayType type = ArrayType::kF64;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  static Array of(std::span<const double> values, std::vector<std::int64_t> shape);
  static Array of(std::span<const std::int64_t> values);
  /// The elements as T; T's size must be the type's.
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// A small HDF5 file of named arrays and string lists with a kind and free-form attributes: representations, per-image losses. Every
/// array carries a CRC-32C.
struct ArrayFile {
  std::string kind;  ///< "representations", "losses"; reading asks for it
  nlohmann::json attributes = nlohmann::json::object();
  std::map<std::string, Array> arrays;
  std::map<std::string, std::vector<std::string>> strings;

  /// Throws Error(kFormat) naming `path` when the array is not there.
  const Array& array(const std::string& name, const std::filesystem::path& path) const;
};

/// Written beside, synced, renamed. Throws Error(kIo).
void write_array_file(const std::filesystem::path& path, const ArrayFile& file);
/// Throws Error(kIo) when it cannot be opened, Error(kFormat) when it is not such a file, of another kind, or damaged.
ArrayFile read_array_file(const std::filesystem::path& path, const std::string& kind);

}  // namespace affinis::data
