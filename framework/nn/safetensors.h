#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/nn/module.h"

namespace affinis::nn {

/// What a safetensors file holds: tensors in file order and the free-form metadata.
struct TensorFile {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a safetensors file; every offset, length and shape is checked before use (facts: engineering section 3).
/// Throws Error(kIo) or Error(kFormat) naming file, tensor and defect. Tensors own their memory, on the CPU.
TensorFile read_safetensors(const std::filesystem::path& path);

/// Written beside, synced, renamed. Tensors are made contiguous on the CPU. Throws Error(kIo).
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace affinis::nn
