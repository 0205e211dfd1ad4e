#pragma once

#include <bit>
#include <cstdint>

// For loops that a compiler is to vectorise (with -fno-trapping-math).
namespace affinis::nn::detail {

// ln 2 as a value of few bits, whose small multiples are exact, and the rest.
constexpr float kLn2High = 0.693359375F;
constexpr float kLn2Low = -2.12194440e-4F;

/// e^x for x <= 0 to 1 in the last place or two, 0 below e^-87; NaN stays. The C library's is not inlined, so that its loops stay scalar.
/// Coefficients: Cephes' expf.
inline __attribute__((always_inline)) float exp_below_zero(float x) {
  constexpr float kLeast = -87;
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kRounds = 12582912;  // 1.5 * 2^23: its sum with a small number ends at that number's whole part, nearest first
  const float shifted = x * kLog2E + kRounds;
  const float whole = shifted - kRounds;
  const float r = (x - whole * kLn2High) - whole * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23);
  const float result = (p * (r * r) + r + 1) * power;
  return x < kLeast ? 0.0F : result;
}

}  // namespace affinis::nn::detail
