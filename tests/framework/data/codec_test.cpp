#include "framework/data/codec.h"

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

std::vector<std::byte> noise(std::size_t size) {
  RandomStream stream(1, "noise");
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(stream.below(7));
  return bytes;
}

TEST(Codec, DeflateGivesBackEveryElementSize) {
  for (const std::size_t element : {1U, 2U, 4U, 8U}) {
    for (const std::size_t count : {1U, 13U, 4096U}) {
      const std::vector<std::byte> bytes = noise(element * count);
      const std::vector<std::byte> stored = shuffle_and_deflate(bytes, element);
      std::vector<std::byte> out(bytes.size());
      ASSERT_TRUE(inflate_and_unshuffle(stored, element, out));
      EXPECT_EQ(out, bytes);
    }
  }
}

TEST(Codec, DeflateRefusesAnotherSizeAndDamage) {
  const std::vector<std::byte> bytes = noise(1000);
  const std::vector<std::byte> stored = shuffle_and_deflate(bytes, 2);
  std::vector<std::byte> shorter(998);
  std::vector<std::byte> longer(1002);
  std::vector<std::byte> out(1000);
  EXPECT_FALSE(inflate_and_unshuffle(stored, 2, shorter));
  EXPECT_FALSE(inflate_and_unshuffle(stored, 2, longer));
  EXPECT_FALSE(inflate_and_unshuffle(std::span(stored).first(stored.size() / 2), 2, out));
  EXPECT_FALSE(inflate_and_unshuffle({}, 2, out));
}

TEST(Codec, JpegRefusesAnotherSizeAndDamageAndThenGoesOn) {
  const Sample sample = made_sample(0, 32);
  const std::vector<std::byte> stored = encode_jpeg(sample.field("rgb").bytes, 32, 32);
  std::vector<std::byte> out(32 * 32 * 3);
  EXPECT_TRUE(decode_jpeg(stored, 32, 32, out));
  std::vector<std::byte> small(16 * 16 * 3);
  EXPECT_FALSE(decode_jpeg(stored, 16, 16, small));
  EXPECT_FALSE(decode_jpeg(std::span(stored).first(stored.size() / 2), 32, 32, out));
  EXPECT_TRUE(decode_jpeg(stored, 32, 32, out));
  EXPECT_FALSE(decode_jpeg({}, 32, 32, out));
  EXPECT_TRUE(decode_jpeg(stored, 32, 32, out));
}

}  // namespace
}  // namespace affinis::data
