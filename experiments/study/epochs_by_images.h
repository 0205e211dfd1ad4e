#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace affinis::experiments {

/// Epochs for a training on `images` images. `rules` are images:epochs with ascending images, each for up to so many, and at the end more:epochs
/// where wanted; without it the last rule holds for all larger numbers. {"paper"} stands for Taskonomy's schedule of transfers (its code's
/// configuration: 1000 epochs of 100 images, 400 of 500, 200 of 1k, 100 of 2k, 50 of 4k and 8k, 30 of 16k, else 15).
/// Throws Error(kConfig) that names search.epochs_by_images and the rule that is none.
std::int64_t epochs_for(const std::vector<std::string>& rules, std::int64_t images);

}  // namespace affinis::experiments
