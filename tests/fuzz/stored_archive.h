#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace affinis::fuzz {

/// CRC-32 as zip archives have it.
inline std::uint32_t crc32(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> result{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
      result[i] = value;
    }
    return result;
  }();
  std::uint32_t value = 0xFFFFFFFFU;
  for (const char byte : bytes) value = table[(value ^ static_cast<unsigned char>(byte)) & 0xFFU] ^ (value >> 8);
  return ~value;
}

/// A sound zip archive of members that are stored as they are. Written here and not by libzip, which takes longer over it than the reader does.
inline std::string stored_archive(const std::vector<std::pair<std::string, std::string_view>>& members) {
  std::string archive;
  std::string directory;
  const auto put = [](std::string& to, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
  };
  for (const auto& [name, bytes] : members) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::string common;
    put(common, 20, 2);        // version needed
    put(common, 0, 2);         // flags
    put(common, 0, 2);         // stored
    put(common, 0x210000, 4);  // the first day that the format knows
    put(common, crc32(bytes), 4);
    put(common, size, 4);
    put(common, size, 4);
    put(common, static_cast<std::uint32_t>(name.size()), 2);
    put(common, 0, 2);  // extra field
    const auto offset = static_cast<std::uint32_t>(archive.size());
    archive += "PK\x03\x04" + common + name;
    archive += bytes;
    directory += "PK\x01\x02";
    put(directory, 20, 2);  // version made by
    directory += common;
    put(directory, 0, 2);  // comment
    put(directory, 0, 2);  // disk
    put(directory, 0, 2);
    put(directory, 0, 4);  // attributes
    put(directory, offset, 4);
    directory += name;
  }
  const auto begin = static_cast<std::uint32_t>(archive.size());
  archive += directory + "PK\x05\x06";
  put(archive, 0, 4);  // disks
  put(archive, static_cast<std::uint32_t>(members.size()), 2);
  put(archive, static_cast<std::uint32_t>(members.size()), 2);
  put(archive, static_cast<std::uint32_t>(directory.size()), 4);
  put(archive, begin, 4);
  put(archive, 0, 2);  // comment
  return archive;
}

}  // namespace affinis::fuzz
