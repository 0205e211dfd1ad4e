#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/hash.h"

namespace affinis::train {

struct ReadEvent {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string file_version;
  std::map<std::string, float> scalars;
};

/// A reader of TensorBoard files that shares nothing with the writer but the CRC; throws std::runtime_error at the first wrong byte.
class EventReader {
 public:
  static std::vector<ReadEvent> read(std::string_view bytes) {
    std::vector<ReadEvent> events;
    while (!bytes.empty()) {
      if (bytes.size() < 12) throw std::runtime_error("a record's head is cut off");
      const auto length = number<std::uint64_t>(bytes);
      expect_crc(bytes.substr(0, 8), number<std::uint32_t>(bytes.substr(8)));
      if (bytes.size() < 16 + length) throw std::runtime_error("a record is cut off");
      const std::string_view payload = bytes.substr(12, length);
      expect_crc(payload, number<std::uint32_t>(bytes.substr(12 + length)));
      events.push_back(event(payload));
      bytes.remove_prefix(16 + length);
    }
    return events;
  }

 private:
  template <typename T>
  static T number(std::string_view bytes) {
    if (bytes.size() < sizeof(T)) throw std::runtime_error("a number is cut off");
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  static void expect_crc(std::string_view bytes, std::uint32_t masked) {
    const std::uint32_t rotated = masked - 0xa282ead8U;
    if (std::rotl(rotated, 15) != crc32c(std::as_bytes(std::span(bytes)))) throw std::runtime_error("a checksum is wrong");
  }
  static std::uint64_t varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      if (bytes.empty()) throw std::runtime_error("a varint is cut off");
      const auto byte = static_cast<std::uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  static std::string_view block(std::string_view& bytes) {
    const std::uint64_t length = varint(bytes);
    if (bytes.size() < length) throw std::runtime_error("a field is cut off");
    const std::string_view result = bytes.substr(0, length);
    bytes.remove_prefix(length);
    return result;
  }
  static ReadEvent event(std::string_view bytes) {
    ReadEvent result;
    while (!bytes.empty()) {
      const std::uint64_t key = varint(bytes);
      if (key == 9) {
        result.wall_time = number<double>(bytes);
        bytes.remove_prefix(8);
      } else if (key == 16) {
        result.step = static_cast<std::int64_t>(varint(bytes));
      } else if (key == 26) {
        result.file_version = block(bytes);
      } else if (key == 42) {
        for (std::string_view summary = block(bytes); !summary.empty();) {
          if (varint(summary) != 10) throw std::runtime_error("a summary holds something else than values");
          std::string_view value = block(summary);
          if (varint(value) != 10) throw std::runtime_error("a value does not begin with its tag");
          const std::string tag(block(value));
          if (varint(value) != 21) throw std::runtime_error("a value has no simple_value");
          result.scalars[tag] = number<float>(value);
        }
      } else {
        throw std::runtime_error("an event has an unexpected field");
      }
    }
    return result;
  }
};

inline std::vector<ReadEvent> read_events(std::string_view bytes) { return EventReader::read(bytes); }

}  // namespace affinis::train
