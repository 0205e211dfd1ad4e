#include "framework/core/hash.h"

#include <string>

#include <gtest/gtest.h>

namespace affinis {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The check value that the catalogue of CRC algorithms gives, and the four of RFC 3720, section B.4.
TEST(Crc32c, MatchesPublishedValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xFF'))), 0x62A8AB43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(crc32c(bytes_of(rising)), 0x46DD794EU);
  EXPECT_EQ(crc32c(bytes_of(std::string(rising.rbegin(), rising.rend()))), 0x113FDB5CU);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, ContinuesFromAnyPlace) {
  const std::string text = "a text that is long enough for several eight-byte words and a rest";
  const std::uint32_t whole = crc32c(bytes_of(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto bytes = bytes_of(text);
    EXPECT_EQ(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))), whole) << "cut at " << cut;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
  std::string text = "thirteen byte";
  const std::uint32_t whole = crc32c(bytes_of(text));
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(crc32c(bytes_of(text)), whole) << "bit " << bit;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
  }
}

// XXH3's values for no input are published with the algorithm; the others pin what stored job identities were made with.
TEST(Hash, IsStable) {
  EXPECT_EQ(hash64(""), 0x2D06800538D394C2ULL);
  EXPECT_EQ(hash128_hex(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash64("affinis"), 0xCD8847E3D7A9AC6AULL);
  EXPECT_EQ(hash128_hex("affinis"), "250e57a5f879b595f6629afe3e96f241");
  EXPECT_EQ(hash128_hex(bytes_of("affinis")), hash128_hex("affinis"));
  EXPECT_EQ(hash64(bytes_of("affinis")), hash64("affinis"));
}

TEST(Hash, IsThirtyTwoHexadecimalDigits) {
  for (int i = 0; i < 300; ++i) {
    const std::string hash = hash128_hex(std::to_string(i));
    EXPECT_EQ(hash.size(), 32U);
    EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

}  // namespace
}  // namespace affinis
