#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/tasks/samples.h"

namespace affinis::tasks::testing {

/// The context of samples.h with what the tasks on whole images ask for beside.
inline task::TaskContext vector_context(std::int64_t side) {
  task::TaskContext context = context_of(side);
  context.vocabularies["object"] = {"bed", "chair", "lamp", "sofa", "table", "tv", "vase"};
  return context;
}

/// make_sample() with a camera in a room of 5 x 4 x 2.6 m that looks at one of two points, the point's row, and objects.
inline data::Sample make_view(std::int64_t side, std::int64_t index, std::int32_t fixation) {
  data::Sample sample = make_sample(side, index);
  RandomStream stream(11, "view", {static_cast<std::uint64_t>(index)});
  const auto field = [&](const char* name) -> data::FieldValue& {
    return sample.fields.insert_or_assign(name, data::make_field_value(data::field_spec(name), side)).first->second;
  };
  const double at[3] = {stream.uniform(0.5, 4.5), stream.uniform(0.5, 2), stream.uniform(1.2, 1.8)};
  const double target[3] = {fixation == 0 ? 2.0 : 3.5, 3.6, 1.0};
  double ahead[3];
  double length = 0;
  for (int i = 0; i < 3; ++i) {
    ahead[i] = target[i] - at[i];
    length += ahead[i] * ahead[i];
  }
  for (double& each : ahead) each /= std::sqrt(length);
  const double flat = std::hypot(ahead[0], ahead[1]);
  const double right[3] = {ahead[1] / flat, -ahead[0] / flat, 0};
  const double down[3] = {ahead[1] * right[2] - ahead[2] * right[1], ahead[2] * right[0] - ahead[0] * right[2],
                          ahead[0] * right[1] - ahead[1] * right[0]};
  const auto camera = field("camera").as<double>();
  for (std::size_t i = 0; i < 3; ++i) {
    camera[i] = at[i];
    camera[3 + i] = right[i];
    camera[6 + i] = down[i];
    camera[9 + i] = ahead[i];
  }
  camera[12] = 1.1;
  const double box[6] = {0, 0, 0, 5, 4, 2.6};
  const auto room = field("room_box").as<double>();
  std::copy(std::begin(box), std::end(box), room.begin());
  field("fixation").as<std::int32_t>()[0] = fixation;
  const auto object = field("object").as<std::uint8_t>();
  for (std::size_t i = 0; i < object.size(); ++i) {
    object[i] = i % 4 == 0 ? static_cast<std::uint8_t>(index % 7) : i % 4 == 1 ? std::uint8_t{3} : std::uint8_t{255};
  }
  return sample;
}

/// Groups of `count` views: those of even groups look at one point, of odd ones at two.
inline std::vector<std::vector<data::Sample>> make_groups(std::int64_t side, std::int64_t groups, std::int64_t count) {
  std::vector<std::vector<data::Sample>> result;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<data::Sample> group;
    for (std::int64_t i = 0; i < count; ++i) group.push_back(make_view(side, g * count + i, g % 2 == 1 && i > 0 ? 1 : 0));
    result.push_back(std::move(group));
  }
  return result;
}

}  // namespace affinis::tasks::testing
