#include "framework/core/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "framework/core/hash.h"

namespace affinis {
namespace {

std::uint64_t splitmix(std::uint64_t& x) {
  x += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, std::string_view name, std::initializer_list<std::uint64_t> indices) {
  std::uint64_t mixed = seed ^ hash64(name);
  std::uint64_t result = splitmix(mixed);
  for (const std::uint64_t index : indices) {
    mixed = result ^ index;
    result = splitmix(mixed);
  }
  return result;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view name, std::initializer_list<std::uint64_t> indices) {
  std::uint64_t x = derive_seed(seed, name, indices);
  for (std::uint64_t& word : state_) word = splitmix(x);
}

std::uint64_t RandomStream::bits() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double RandomStream::uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t RandomStream::below(std::uint64_t count) {
  const std::uint64_t threshold = (0 - count) % count;
  for (;;) {
    const std::uint64_t value = bits();
    if (value >= threshold) return value % count;
  }
}

RandomStream RandomStream::fork(std::string_view name) const {
  return RandomStream(state_[0] ^ std::rotl(state_[2], 29), name, {state_[1], state_[3]});
}

}  // namespace affinis
