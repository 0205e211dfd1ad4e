#include <cstdint>
#include <cstdlib>
#include <string>

#include <zip.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/nn/torch_weights.h"
#include "tests/fuzz/allocation_guard.h"

namespace {

/// A sound archive around a pickle that is not, with storages for it to point at: mutated archives seldom get beyond their checksums.
void write_archive(const std::filesystem::path& path, const void* pickle, std::size_t size) {
  static const std::string storage(216, '\1');
  int code = 0;
  zip_t* const zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  const auto add = [zip](const std::string& name, const void* bytes, std::size_t count) {
    const zip_int64_t index = zip_file_add(zip, name.c_str(), zip_source_buffer(zip, bytes, count, 0), ZIP_FL_OVERWRITE);
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  };
  add("a/data.pkl", pickle, size);
  const std::size_t sizes[] = {216, 12, 12, 12, 12, 8, 24, 8};
  for (std::size_t i = 0; i < std::size(sizes); ++i) add("a/data/" + std::to_string(i), storage.data(), sizes[i]);
  zip_close(zip);
}

}  // namespace

/// The first byte says whether the rest is a whole file (even) or the pickle inside of one (odd). The reader reads files: each input goes
/// through one of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  static const TemporaryFolder folder;
  static const std::filesystem::path path = folder.path() / "fuzz.pt";
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    if (std::FILE* const file = std::fopen(path.c_str(), "wb")) {
      std::fwrite(data + 1, 1, size - 1, file);
      std::fclose(file);
    }
  } else {
    write_archive(path, data + 1, size - 1);
  }
  const fuzz::AllocationGuard guard(size, 256, 1 << 18);
  try {
    for (const nn::NamedTensor& each : nn::read_torch_weights(path)) {
      // Every element lies within its storage.
      if (each.tensor.numel() > 0) static_cast<void>(each.tensor.contiguous());
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFormat || error.sentence().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
