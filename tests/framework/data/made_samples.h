#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"
#include "framework/data/store.h"

namespace affinis::data {

inline std::vector<std::string> all_fields() {
  std::vector<std::string> names;
  for (const FieldSpec& spec : field_specs()) names.push_back(spec.name);
  return names;
}

inline StoreInfo made_info(std::int64_t side, std::vector<std::string> fields = all_fields(), std::string split = "train") {
  StoreInfo info;
  info.split = std::move(split);
  info.image_side = side;
  info.fields = std::move(fields);
  info.vocabularies = {{"semantic", {"wall", "floor", "chair", "table"}}, {"scene", {"bathroom", "kitchen"}}, {"object", {"bed", "desk", "lamp", "sofa"}}};
  info.provenance = {{"program", "tests"}, {"seed", 7}};
  return info;
}

/// A sample with every declared field, smooth in space so that codecs have work to do, all of it from (number, side).
inline Sample made_sample(std::int64_t number, std::int64_t side, const std::string& building = "house") {
  RandomStream stream(11, "made sample", {static_cast<std::uint64_t>(number)});
  Sample sample;
  sample.key = {building, "room" + std::to_string(number / 3), number};
  sample.index = number;
  const double phase = stream.uniform(0, 6);
  for (const FieldSpec& spec : field_specs()) {
    FieldValue value = make_field_value(spec, side);
    const auto wave = [&](std::size_t i) { return 0.5 + 0.45 * std::sin(phase + 0.05 * static_cast<double>(i)); };
    if (spec.name == "camera" || spec.name == "room_box") {
      for (double& element : value.as<double>()) element = stream.uniform(-5, 5);
    } else if (spec.name == "room_class") {
      value.as<std::int32_t>()[0] = static_cast<std::int32_t>(stream.below(2));
    } else if (spec.name == "fixation") {
      value.as<std::int32_t>()[0] = static_cast<std::int32_t>(number % 2);
    } else if (spec.name == "points") {
      for (float& element : value.as<float>()) element = static_cast<float>(stream.uniform(0, 1));
    } else if (spec.name == "semantic" || spec.name == "object") {
      for (std::size_t i = 0; i < value.bytes.size(); ++i) value.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(wave(i) * 4);
      value.as<std::uint8_t>()[0] = 255;
    } else if (spec.type == ElementType::kU16) {
      const auto elements = value.as<std::uint16_t>();
      for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::uint16_t>(600 + 2000 * wave(i));
      elements[0] = 65535;
    } else {
      const auto elements = value.as<std::uint8_t>();
      for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::uint8_t>(255 * wave(i / 3));
    }
    sample.fields[spec.name] = std::move(value);
  }
  return sample;
}

inline void write_made_store(const std::filesystem::path& path, std::int64_t count, std::int64_t side,
                             std::vector<std::string> fields = all_fields(), const std::string& split = "train",
                             const std::string& building = "house") {
  StoreWriter writer(path, made_info(side, std::move(fields), split));
  for (std::int64_t i = 0; i < count; ++i) writer.add(made_sample(i, side, building));
  writer.finish();
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The error that `action` throws; fails the test when it throws none.
template <typename Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorCode::kInternal, "no error was thrown");
}

}  // namespace affinis::data
