#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/options.h"

namespace affinis::experiments {

/// How many rooms a rendered data set has, how they look and who renders them.
struct RenderDataSetOptions {
  std::int64_t train_buildings = 24;
  std::int64_t transfer_buildings = 8;
  std::int64_t test_buildings = 8;
  std::int64_t rooms_per_building = 5;
  std::int64_t views_per_room = 8;
  std::int64_t views_per_point = 3;
  std::int64_t image_side = 64;
  std::int64_t seed = 0;
  std::string furniture = "auto";
  std::string catalogue;
  std::int64_t samples_per_pixel = 4;
  std::int64_t light_samples = 1;
  std::int64_t ambient_occlusion_samples = 2;
  std::int64_t max_triangles = 50000;
  bool annotate = true;
  std::int64_t threads = 0;

  static const std::vector<OptionField>& fields();
};

/// Sets the building counts so that there are about `rooms` rooms, three fifths of the buildings for training and a fifth each for
/// transfers and tests, at least one building a split. Buildings have five rooms, or fewer where five would give less than five
/// buildings. Throws Error(kUsage) when rooms < 3.
void set_room_count(RenderDataSetOptions& options, std::int64_t rooms);

/// Renders train.h5, transfer.h5, test.h5 and ATTRIBUTION.txt into `folder` (made when missing); each file appears whole. The bytes
/// depend on the options without `threads`. `progress` is called from one thread at a time with rooms done and rooms in all.
/// Throws Error(kUsage) for options out of bounds, Error(kIo) when the disk refuses.
void render_data_set(const RenderDataSetOptions& options, const std::filesystem::path& folder, Logger& logger,
                     const std::function<void(double done, double total)>& progress);

}  // namespace affinis::experiments
