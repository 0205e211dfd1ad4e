#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/train/balance/gramian.h"
#include "framework/train/task_affinity.h"

namespace affinis::train {

/// Gradient norms and cosines of the heads that took part in a step.
struct Conflicts {
  std::vector<std::size_t> heads;
  Gramian gramian;
};

/// What a training of several heads tells of its balance, at every point of the curve:
///
///     balance.csv    step,task,weight,loss,gradient_norm
///     conflicts.csv  step,task_a,task_b,cosine              (each pair once)
///     tag.csv        task,helper,affinity                   (written anew; `group solve --affinities` reads it)
///
/// A cell is empty where nothing is known. A training that goes on keeps the lines up to its checkpoint and writes the others again.
class BalanceFiles {
 public:
  /// An empty folder makes an object that writes nothing. `step`: finished steps so far.
  BalanceFiles(std::filesystem::path folder, std::vector<std::string> tasks, std::int64_t step, bool conflicts);

  /// Throws Error(kIo) naming the file.
  void append(std::int64_t step, std::span<const double> weights, std::span<const double> losses, const std::optional<Conflicts>& conflicts);
  /// Writes tag.csv once every pair of tasks was measured.
  void write(const TaskAffinity& affinity);

 private:
  struct File {
    std::filesystem::path path;
    std::ofstream stream;
  };
  static void begin(File& file, const std::filesystem::path& path, const std::string& header, std::int64_t step);
  static void write(File& file, const std::string& text);

  std::filesystem::path folder_;
  std::vector<std::string> tasks_;
  File balance_;
  File conflicts_;
};

}  // namespace affinis::train
