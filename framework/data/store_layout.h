#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/core/hash.h"
#include "framework/data/field.h"

/// Where things lie in a store; what its writer and its reader share. Nobody outside framework/data includes this.
///
///     /                    attributes magic, format_version, split, image_side, fields, vocabularies, provenance, index_crc32c
///     /fields/NAME         one sample a chunk; a JPEG field is one row of bytes, in pieces of kJpegPiece
///     /checksums/NAME      CRC-32C of each sample's stored bytes
///     /chunks/NAME         file offset and size of each chunk, so that opening needs no walk through HDF5's own index
///     /offsets/NAME        JPEG fields: where each sample's bytes begin, and where the last ones end
///     /index/{building,scene,view,split}
namespace affinis::data::layout {

inline constexpr const char* kMagic = "affinis store";
inline constexpr std::int64_t kVersion = 1;
inline constexpr std::uint64_t kJpegPiece = 256 * 1024;

/// Where one chunk lies in the file.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool operator==(const Extent&) const = default;
};
static_assert(sizeof(Extent) == 16, "/chunks is read into it as it lies");

/// What the index says of one field.
struct FieldIndex {
  const FieldSpec* spec = nullptr;
  FieldEncoding encoding = FieldEncoding::kDeflate;
  std::vector<Extent> chunks;
  std::vector<std::uint64_t> offsets;  ///< JPEG only
  std::vector<std::uint32_t> checksums;
};

/// Strings of one length, padded with zeros, as HDF5 stores them.
struct FixedStrings {
  std::size_t length = 1;
  std::vector<char> characters;
};

/// The checksum over all that /index, /checksums, /chunks and /offsets hold, fields by name.
class IndexChecksum {
 public:
  template <typename T>
  void add(const std::vector<T>& values) {
    crc_ = crc32c(std::as_bytes(std::span(values)), crc_);
  }
  void add(const FieldIndex& field) {
    add(field.chunks);
    add(field.offsets);
    add(field.checksums);
  }
  std::uint32_t value() const { return crc_; }

 private:
  std::uint32_t crc_ = 0;
};

}  // namespace affinis::data::layout
