#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random.h"
#include "framework/data/sample.h"
#include "framework/task/task.h"

namespace affinis::tasks::testing {

inline const std::vector<std::string> kPaperSemantic = {"uncertain", "background",   "bottle", "chair",   "couch",        "potted plant",
                                                        "bed",       "dining table", "toilet", "tv",      "microwave",    "oven",
                                                        "toaster",   "sink",         "refrigerator", "book", "clock", "vase"};

inline task::TaskContext context_of(std::int64_t side) {
  task::TaskContext context;
  context.image_side = side;
  context.vocabularies["semantic"] = {"uncertain", "wall", "floor", "ceiling", "chair"};
  context.vocabularies["scene"] = {"bathroom", "bedroom", "kitchen", "living room", "office", "hall"};
  return context;
}

/// A hand-made view: a soft random image, a sloping depth, two walls, four classes, and a corner without any label.
inline data::Sample make_sample(std::int64_t side, std::int64_t index) {
  RandomStream stream(7, "sample", {static_cast<std::uint64_t>(index)});
  data::Sample sample;
  sample.key = {"building", "room", index};
  sample.index = index;
  const auto field = [&](const char* name) -> data::FieldValue& {
    return sample.fields.emplace(name, data::make_field_value(data::field_spec(name), side)).first->second;
  };
  const auto rgb = field("rgb").as<std::uint8_t>();
  const auto depth = field("depth_zbuffer").as<std::uint16_t>();
  const auto normal = field("normal").as<std::uint8_t>();
  const auto shade = field("reshading").as<std::uint8_t>();
  const auto label = field("semantic").as<std::uint8_t>();
  const auto distance = field("depth_euclidean").as<std::uint16_t>();
  const auto spots = field("keypoints2d").as<std::uint16_t>();
  const auto landmarks = field("keypoints3d").as<std::uint16_t>();
  const auto curvature = field("principal_curvature").as<std::uint8_t>();
  const auto segment = field("segment_unsup2d").as<std::uint8_t>();
  const auto surface = field("segment_unsup25d").as<std::uint8_t>();
  field("room_class").as<std::int32_t>()[0] = static_cast<std::int32_t>(index % 6);
  const double tint[3] = {stream.uniform(), stream.uniform(), stream.uniform()};
  const auto edge = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side / 2))) + side / 4;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const auto i = static_cast<std::size_t>(y * side + x);
      const bool left = x < edge;
      const double light = (left ? 0.35 : 0.85) * (0.6 + 0.4 * static_cast<double>(y) / static_cast<double>(side));
      for (std::size_t c = 0; c < 3; ++c) {
        rgb[3 * i + c] = static_cast<std::uint8_t>(255 * light * tint[c] * (0.95 + 0.05 * stream.uniform()));
      }
      depth[i] = static_cast<std::uint16_t>(512 + 8 * (left ? x : 2 * y) + 40 * index);
      const std::uint8_t facing[2][3] = {{255, 128, 127}, {128, 0, 127}};
      for (std::size_t c = 0; c < 3; ++c) normal[3 * i + c] = facing[left ? 0 : 1][c];
      shade[i] = static_cast<std::uint8_t>(255 * light);
      distance[i] = static_cast<std::uint16_t>(depth[i] + 30);
      spots[i] = static_cast<std::uint16_t>((x + 2 * y + index) % 16 * 25);
      landmarks[i] = static_cast<std::uint16_t>(65535 * x * y / (side * side));
      curvature[2 * i] = static_cast<std::uint8_t>(127 + (left ? 30 : 0));
      curvature[2 * i + 1] = static_cast<std::uint8_t>(127 - (left ? 0 : y * 60 / side));
      segment[i] = static_cast<std::uint8_t>((left ? 0 : 1) + (y < side / 2 ? 0 : 2));
      surface[i] = static_cast<std::uint8_t>(left ? 4 : 9);
      label[i] = static_cast<std::uint8_t>(1 + (left ? 0 : 1) + (y < side / 2 ? 0 : 2));
      if (x < side / 8 && y < side / 8) {
        depth[i] = 65535;
        for (std::size_t c = 0; c < 3; ++c) normal[3 * i + c] = 128;
        shade[i] = 0;
        label[i] = 0;
        distance[i] = 65535;
        curvature[2 * i] = curvature[2 * i + 1] = 255;
        segment[i] = surface[i] = 255;
      }
    }
  }
  return sample;
}

inline std::vector<data::Sample> make_samples(std::int64_t side, std::int64_t count) {
  std::vector<data::Sample> samples;
  for (std::int64_t i = 0; i < count; ++i) samples.push_back(make_sample(side, i));
  return samples;
}

}  // namespace affinis::tasks::testing
