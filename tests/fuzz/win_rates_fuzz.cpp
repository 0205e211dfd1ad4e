#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "framework/core/error.h"
#include "taxonomy/win_rates.h"
#include "tests/fuzz/input_file.h"

/// The reader of tournaments reads files: each input goes through one of its own. What it lets
/// through must be win rates that add up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  const std::array<std::filesystem::path, 1> path = {fuzz::input_file(data, size)};
  try {
    for (const taxonomy::Tournament& tournament : taxonomy::read_win_rates(path)) {
      const std::size_t count = tournament.networks.size();
      if (tournament.target.empty() || tournament.wins.size() != count * count) std::abort();
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          const double there = tournament.wins[i * count + j];
          const double back = tournament.wins[j * count + i];
          if (std::isnan(there) != std::isnan(back)) std::abort();
          if (!std::isnan(there) && !(std::abs(there + back - 1) <= 1e-5)) std::abort();
        }
      }
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kIo) std::abort();
    if (error.sentence().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
