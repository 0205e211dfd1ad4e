#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/data/store.h"
#include "framework/nn/module.h"
#include "framework/task/task.h"
#include "framework/train/batch_source.h"

namespace affinis::transfer {

/// What a frozen encoder makes of the images of one split, computed once and read by every transfer.
struct Representations {
  std::string source;                 ///< task whose encoder made them
  std::vector<std::int64_t> indices;  ///< positions in the split's store
  at::Tensor values;                  ///< [N, C, s, s], float32 in memory
};

/// How representations lie on disk; half precision costs 4 KiB an image at paper scale.
enum class RepresentationPrecision { kHalf, kSingle };

/// Runs `encoder` (in evaluation mode) on what the source task feeds its encoder (Task::encoder_input) of the images at `positions`.
/// Values are rounded to `precision`, so that what is
/// returned equals what is read back.
Representations encode(nn::Module& encoder, const c10::Device& device, const task::Task& source, const data::Store& store,
                       const std::vector<std::int64_t>& positions, RepresentationPrecision precision);

/// The representations of a set's examples: [N, C, s, s], or [N, k, C, s, s] for a task that looks at k samples at once. The set's own
/// images must be those of `representations`.
at::Tensor of_examples(const Representations& representations, const train::TensorSet& set);

void write_representations(const std::filesystem::path& path, const Representations& representations,
                           RepresentationPrecision precision);
/// Throws Error as data::read_array_file does.
Representations read_representations(const std::filesystem::path& path);

}  // namespace affinis::transfer
