#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace affinis {

/// Parses the file; throws Error(kIo) when it cannot be read and Error(kFormat) with the place when it is not JSON.
nlohmann::json read_json(const std::filesystem::path& path);
/// Written atomically, indented, keys sorted, numbers so that they read back to the same double.
void write_json(const std::filesystem::path& path, const nlohmann::json& value);

}  // namespace affinis
