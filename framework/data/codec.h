#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// How bytes become chunks and back, outside HDF5. Thread-safe: codecs' working memory is per thread.
namespace affinis::data {

/// HDF5's shuffle filter (a no-op for one-byte elements) followed by zlib; what HDF5 readers undo themselves.
std::vector<std::byte> shuffle_and_deflate(std::span<const std::byte> bytes, std::size_t element_size);
/// Fills `out` exactly; false when `stored` is damaged or unpacks to another size.
bool inflate_and_unshuffle(std::span<const std::byte> stored, std::size_t element_size, std::span<std::byte> out);

/// JPEG of a [height, width, 3] image, quality 95, no chroma subsampling. Throws Error(kData) when the codec refuses.
std::vector<std::byte> encode_jpeg(std::span<const std::byte> rgb, std::int64_t width, std::int64_t height);
/// Fills `out` ([height, width, 3]); false when `stored` is damaged or has another size.
bool decode_jpeg(std::span<const std::byte> stored, std::int64_t width, std::int64_t height, std::span<std::byte> out);

}  // namespace affinis::data
