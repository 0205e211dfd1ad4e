#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace affinis {

/// 64-bit XXH3 of the bytes; stable across platforms and versions.
std::uint64_t hash64(std::span<const std::byte> bytes);
std::uint64_t hash64(std::string_view text);

/// 128-bit XXH3 as 32 lower-case hexadecimal digits: identities of jobs and settings.
std::string hash128_hex(std::span<const std::byte> bytes);
std::string hash128_hex(std::string_view text);

/// CRC-32C (Castagnoli) of the bytes, continuing from `crc` (0 to start); "123456789" gives 0xE3069283.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace affinis
