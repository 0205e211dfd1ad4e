#include "framework/train/event_file.h"

#include <bit>

#include "framework/core/hash.h"

namespace affinis::train {
namespace {

// Field keys of protocol buffers: number * 8 + wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes).
constexpr char kEventWallTime = 1 << 3 | 1;
constexpr char kEventStep = 2 << 3 | 0;
constexpr char kEventFileVersion = 3 << 3 | 2;
constexpr char kEventSummary = 5 << 3 | 2;
constexpr char kSummaryValue = 1 << 3 | 2;
constexpr char kValueTag = 1 << 3 | 2;
constexpr char kValueSimple = 2 << 3 | 5;

template <typename Unsigned>
void put_little_endian(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(value); ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_bytes(std::string& out, char key, std::string_view bytes) {
  out.push_back(key);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string begin_event(double wall_time) {
  std::string event(1, kEventWallTime);
  put_little_endian(event, std::bit_cast<std::uint64_t>(wall_time));
  return event;
}

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(bytes)));
  return std::rotr(crc, 15) + 0xa282ead8U;
}

}  // namespace

std::string event_record(std::string_view payload) {
  std::string record;
  put_little_endian(record, static_cast<std::uint64_t>(payload.size()));
  put_little_endian(record, masked_crc(record));
  record += payload;
  put_little_endian(record, masked_crc(payload));
  return record;
}

std::string event_file_header(double wall_time) {
  std::string event = begin_event(wall_time);
  put_bytes(event, kEventFileVersion, "brain.Event:2");
  return event_record(event);
}

std::string scalar_record(double wall_time, std::int64_t step, std::span<const ScalarTag> scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, kValueTag, tag);
    value.push_back(kValueSimple);
    put_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
    put_bytes(summary, kSummaryValue, value);
  }
  std::string event = begin_event(wall_time);
  event.push_back(kEventStep);
  put_varint(event, static_cast<std::uint64_t>(step));
  put_bytes(event, kEventSummary, summary);
  return event_record(event);
}

}  // namespace affinis::train
