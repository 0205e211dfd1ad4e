#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace affinis::train {

/// A scalar of a TensorBoard event.
using ScalarTag = std::pair<std::string, double>;

/// One record of a TensorBoard file (TFRecord): length, masked CRC-32C of the length, payload, masked CRC-32C of the payload.
std::string event_record(std::string_view payload);
/// The record every event file begins with; `wall_time` in seconds since 1970.
std::string event_file_header(double wall_time);
/// The record of one step's scalars (tensorflow.Event with a Summary).
std::string scalar_record(double wall_time, std::int64_t step, std::span<const ScalarTag> scalars);

}  // namespace affinis::train
