#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace affinis::transfer {

/// Per-image losses of one network on one split: what tournaments compare. Kept as HDF5 (arrays "index" and "loss").
struct LossFile {
  std::string task;
  std::string network;                ///< what was evaluated: "self", "scratch", "rgb2depth+edge2d", ...
  std::vector<std::int64_t> indices;  ///< positions in the split's store
  std::vector<double> losses;         ///< NaN where the image has no label
};

void write_loss_file(const std::filesystem::path& path, const LossFile& file);
/// Throws Error as data::read_array_file does.
LossFile read_loss_file(const std::filesystem::path& path);

}  // namespace affinis::transfer
