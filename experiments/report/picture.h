#pragma once

#include <filesystem>
#include <string>

namespace affinis::experiments {

/// A PNG file as a data URI for an offline page: kept as it is, or as JPEG where that is much smaller. Throws Error(kIo/kFormat).
std::string picture_data_uri(const std::filesystem::path& path);

}  // namespace affinis::experiments
