#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"

/// The JSON reader reads files: each input goes through one of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  static const TemporaryFolder folder;
  static const std::filesystem::path path = folder.path() / "fuzz.json";
  static const std::filesystem::path again = folder.path() / "again.json";
  if (std::FILE* const file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(data, 1, size, file);
    std::fclose(file);
  }
  try {
    const nlohmann::json value = read_json(path);
    if (size % 64 == 0) {
      write_json(again, value);
      if (read_json(again) != value) std::abort();
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kIo) std::abort();
  }
  return 0;
}
