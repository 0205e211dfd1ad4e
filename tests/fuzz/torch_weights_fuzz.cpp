#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/nn/torch_weights.h"
#include "tests/fuzz/allocation_guard.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/stored_archive.h"

namespace {

/// A sound archive around a pickle that is not, with storages for it to point at: mutated archives seldom get beyond their checksums.
std::string archive_of(std::string_view pickle) {
  static const std::string storage(216, '\1');
  const std::size_t sizes[] = {216, 12, 12, 12, 12, 8, 24, 8};
  std::vector<std::pair<std::string, std::string_view>> members = {{"a/data.pkl", pickle}};
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    members.emplace_back("a/data/" + std::to_string(i), std::string_view(storage).substr(0, sizes[i]));
  }
  return affinis::fuzz::stored_archive(members);
}

}  // namespace

/// The first byte says whether the rest is a whole file (even) or the pickle inside of one (odd). The reader reads files: each input goes
/// through the same one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string bytes = data[0] % 2 == 0 ? std::string(rest) : archive_of(rest);
  const std::filesystem::path& path = fuzz::input_file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
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
