#pragma once

#include <filesystem>

namespace affinis::taxonomy {

/// A table released by others, outside the source tree; tests skip when it is not there.
inline std::filesystem::path published_file(const char* name) {
  return std::filesystem::path(AFFINIS_SOURCE_DIR) / ".." / "shared" / "published" / name;
}

}  // namespace affinis::taxonomy
