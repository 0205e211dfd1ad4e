#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "framework/core/files.h"

namespace affinis::fuzz {

/// A file that holds this input, for readers that take files: the same one for every input.
inline const std::filesystem::path& input_file(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  static const std::filesystem::path path = folder.path() / "fuzz.csv";
  if (std::FILE* const file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(data, 1, size, file);
    std::fclose(file);
  }
  return path;
}

}  // namespace affinis::fuzz
