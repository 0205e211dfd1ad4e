#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

namespace affinis {

/// A seeded, named stream of random numbers (xoshiro256**, Blackman and Vigna 2018). What it yields depends on (seed, name, indices)
/// alone, never on which thread asks or what other streams did, and is the same on every platform.
///
///     RandomStream stream(seed, "augment", {epoch, sample_index});
///     if (stream.uniform() < 0.5) flip(image);
class RandomStream {
 public:
  using State = std::array<std::uint64_t, 4>;

  RandomStream(std::uint64_t seed, std::string_view name, std::initializer_list<std::uint64_t> indices = {});

  /// 64 uniform bits.
  std::uint64_t bits();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box-Muller without caching, so that the state alone says what comes next).
  double normal();
  double normal(double mean, double deviation) { return mean + deviation * normal(); }
  /// Uniform in [0, count), without modulo bias. Precondition: count > 0.
  std::uint64_t below(std::uint64_t count);

  /// Fisher-Yates shuffle.
  template <typename T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
    }
  }

  /// A new stream that depends on this stream's present state and `name`; this stream does not advance.
  RandomStream fork(std::string_view name) const;

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_;
};

/// The 64-bit seed for (seed, name, indices): what RandomStream starts from, for generators of other libraries (LibTorch).
std::uint64_t derive_seed(std::uint64_t seed, std::string_view name, std::initializer_list<std::uint64_t> indices = {});

}  // namespace affinis
