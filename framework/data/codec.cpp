#include "framework/data/codec.h"

#include <bit>
#include <memory>

#include <libdeflate.h>
#include <opencv2/core.hpp>
#include <turbojpeg.h>

#include "framework/core/error.h"

namespace affinis::data {
namespace {

static_assert(std::endian::native == std::endian::little, "stored numbers are little-endian and are read as they lie");

constexpr int kDeflateLevel = 6;
constexpr int kJpegQuality = 95;

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* resource) const {
    release(resource);
  }
};

using Compressor = std::unique_ptr<libdeflate_compressor, Release<libdeflate_free_compressor>>;
using Decompressor = std::unique_ptr<libdeflate_decompressor, Release<libdeflate_free_decompressor>>;
using Jpeg = std::unique_ptr<void, Release<tjDestroy>>;

std::vector<std::byte>& scratch(std::size_t size) {
  thread_local std::vector<std::byte> memory;
  if (memory.size() < size) memory.resize(size);
  return memory;
}

void unshuffle(const std::byte* planes, std::size_t element_size, std::span<std::byte> out) {
  const std::size_t count = out.size() / element_size;
  std::vector<cv::Mat> sources;
  sources.reserve(element_size);
  for (std::size_t plane = 0; plane < element_size; ++plane) {
    auto* start = const_cast<std::byte*>(planes + plane * count);  // cv::Mat has no constant view; merge() only reads
    sources.emplace_back(1, static_cast<int>(count), CV_8UC1, start);
  }
  cv::Mat target(1, static_cast<int>(count), CV_8UC(static_cast<int>(element_size)), out.data());
  cv::merge(sources, target);
}

}  // namespace

std::vector<std::byte> shuffle_and_deflate(std::span<const std::byte> bytes, std::size_t element_size) {
  std::span<const std::byte> input = bytes;
  if (element_size > 1) {
    std::vector<std::byte>& planes = scratch(bytes.size());
    const std::size_t count = bytes.size() / element_size;
    for (std::size_t plane = 0; plane < element_size; ++plane) {
      for (std::size_t i = 0; i < count; ++i) planes[plane * count + i] = bytes[i * element_size + plane];
    }
    input = std::span<const std::byte>(planes).first(bytes.size());
  }
  thread_local const Compressor compressor(libdeflate_alloc_compressor(kDeflateLevel));
  AFFINIS_ASSERT(compressor != nullptr);
  std::vector<std::byte> stored(libdeflate_zlib_compress_bound(compressor.get(), input.size()));
  const std::size_t size = libdeflate_zlib_compress(compressor.get(), input.data(), input.size(), stored.data(), stored.size());
  AFFINIS_ASSERT(size > 0);
  stored.resize(size);
  return stored;
}

bool inflate_and_unshuffle(std::span<const std::byte> stored, std::size_t element_size, std::span<std::byte> out) {
  thread_local const Decompressor decompressor(libdeflate_alloc_decompressor());
  AFFINIS_ASSERT(decompressor != nullptr);
  std::byte* const target = element_size > 1 ? scratch(out.size()).data() : out.data();
  // Without a place for the actual size libdeflate fails unless the output is filled exactly.
  const libdeflate_result result =
      libdeflate_zlib_decompress(decompressor.get(), stored.data(), stored.size(), target, out.size(), nullptr);
  if (result != LIBDEFLATE_SUCCESS) return false;
  if (element_size > 1) unshuffle(target, element_size, out);
  return true;
}

std::vector<std::byte> encode_jpeg(std::span<const std::byte> rgb, std::int64_t width, std::int64_t height) {
  AFFINIS_ASSERT(rgb.size() == static_cast<std::size_t>(width * height * 3));
  thread_local const Jpeg encoder(tjInitCompress());
  AFFINIS_ASSERT(encoder != nullptr);
  unsigned char* encoded = nullptr;
  unsigned long size = 0;
  const int status = tjCompress2(encoder.get(), reinterpret_cast<const unsigned char*>(rgb.data()), static_cast<int>(width), 0,
                                 static_cast<int>(height), TJPF_RGB, &encoded, &size, TJSAMP_444, kJpegQuality, TJFLAG_ACCURATEDCT);
  const std::unique_ptr<unsigned char, Release<tjFree>> owner(encoded);
  AFFINIS_CHECK(status == 0, ErrorCode::kData, "the JPEG codec refuses an image of {} x {}: {}", width, height,
                tjGetErrorStr2(encoder.get()));
  const auto* first = reinterpret_cast<const std::byte*>(encoded);
  return {first, first + size};
}

bool decode_jpeg(std::span<const std::byte> stored, std::int64_t width, std::int64_t height, std::span<std::byte> out) {
  AFFINIS_ASSERT(out.size() == static_cast<std::size_t>(width * height * 3));
  thread_local Jpeg decoder;
  if (!decoder) decoder.reset(tjInitDecompress());
  AFFINIS_ASSERT(decoder != nullptr);
  const auto* bytes = reinterpret_cast<const unsigned char*>(stored.data());
  int stored_width = 0;
  int stored_height = 0;
  int subsampling = 0;
  int colours = 0;
  const bool known = tjDecompressHeader3(decoder.get(), bytes, stored.size(), &stored_width, &stored_height, &subsampling, &colours) == 0;
  // A warning counts as a failure too: the codec fills what it could not decode with grey.
  const bool decoded = known && stored_width == width && stored_height == height &&
                       tjDecompress2(decoder.get(), bytes, stored.size(), reinterpret_cast<unsigned char*>(out.data()), stored_width, 0,
                                     stored_height, TJPF_RGB, 0) == 0;
  // After a damaged image the codec also refuses the sound one that follows.
  if (!decoded) decoder.reset();
  return decoded;
}

}  // namespace affinis::data
