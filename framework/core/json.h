#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace affinis {

/// Parses the file; throws Error(kIo) when it cannot be read and Error(kFormat) with the place when it is not JSON.
nlohmann::json read_json(const std::filesystem::path& path);
/// Written atomically, indented, keys sorted, numbers so that they read back to the same double; the same value always gives the
/// same bytes. Throws Error(kIo), Error(kNumeric) that names the place of a NaN or infinity (JSON has neither: write null or leave
/// the key out) and Error(kData) for text that is not UTF-8; the file is unchanged then.
void write_json(const std::filesystem::path& path, const nlohmann::json& value);

}  // namespace affinis
