#include <cstdint>
#include <cstdlib>
#include <string>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/nn/safetensors.h"
#include "tests/fuzz/allocation_guard.h"

/// The reader reads files: each input goes through one of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  static const TemporaryFolder folder;
  static const std::filesystem::path path = folder.path() / "fuzz.safetensors";
  if (std::FILE* const file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(data, 1, size, file);
    std::fclose(file);
  }
  const fuzz::AllocationGuard guard(size, 256, 1 << 18);
  try {
    static_cast<void>(nn::read_safetensors(path));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFormat || error.sentence().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
