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

/// Reads a safetensors file of F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL tensors. Every length, offset and shape is checked
/// before anything of that size is allocated: a header of at most 100 MB, no name twice, each range as long as its shape says, the ranges
/// together the data exactly, without gap or overlap. Throws Error(kIo) or Error(kFormat) naming file, tensor and defect. Tensors own their
/// memory, on the CPU, contiguous.
TensorFile read_safetensors(const std::filesystem::path& path);

/// Written beside, synced, renamed. Tensors are made contiguous on the CPU and laid out with the widest element type first, otherwise as
/// given, so that every element is aligned; what is read back and written again gives the same bytes. Throws Error(kIo), and Error(kData)
/// for a name given twice, a tensor without values or an element type that the format lacks.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace affinis::nn
