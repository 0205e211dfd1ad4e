#include "taxonomy/vector_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define AFFINIS_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define AFFINIS_WIDE
#endif

namespace affinis::taxonomy {
namespace {

/// GCC's and Clang's vectors: instructions for four doubles where there are some, else for two or
/// one.
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));

using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));

#define AFFINIS_LOAD(name, from) \
  Lanes name;                    \
  std::memcpy(&name, from, sizeof(Lanes))

#define AFFINIS_LOAD_FLOATS(name, from) \
  Floats name;                          \
  std::memcpy(&name, from, sizeof(Floats))

}  // namespace

AFFINIS_WIDE
double turn_directions(double* direction, const std::uint32_t* cell, const double* weights,
                       const double* multipliers, std::size_t count, double fresh) {
  Lanes sums = {};
  const Lanes zero = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    AFFINIS_LOAD(turned, direction + i);
    AFFINIS_LOAD(multiplier, multipliers + i);
    const Lanes weight = {weights[cell[i]], weights[cell[i + 1]], weights[cell[i + 2]],
                          weights[cell[i + 3]]};
    turned += fresh * (weight - turned);
    std::memcpy(direction + i, &turned, sizeof(Lanes));
    sums += ((turned < zero) | (multiplier > zero)) ? turned * turned : zero;
  }
  double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (; i < count; ++i) {
    direction[i] += fresh * (weights[cell[i]] - direction[i]);
    sum += square_of(direction[i], multipliers[i]);
  }
  return sum;
}

AFFINIS_WIDE
void move_multipliers(double* multipliers, const double* direction, std::size_t count,
                      double length) {
  const Lanes zero = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    AFFINIS_LOAD(moved, multipliers + i);
    AFFINIS_LOAD(turned, direction + i);
    moved -= length * turned;
    moved = moved > zero ? moved : zero;
    std::memcpy(multipliers + i, &moved, sizeof(Lanes));
  }
  for (; i < count; ++i) multipliers[i] = std::max(0.0, multipliers[i] - length * direction[i]);
}

AFFINIS_WIDE
void step_row(float* multipliers, float* direction, double* sums, const float* taken,
              std::size_t count, float kept, float fresh, float length) {
  const Floats zero = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    AFFINIS_LOAD_FLOATS(turned, direction + i);
    AFFINIS_LOAD_FLOATS(moved, multipliers + i);
    AFFINIS_LOAD_FLOATS(in, taken + i);
    AFFINIS_LOAD(sum, sums + i);
    turned = kept * turned + fresh * in;
    moved -= length * turned;
    moved = moved > zero ? moved : zero;
    sum += __builtin_convertvector(moved, Lanes);
    std::memcpy(direction + i, &turned, sizeof(Floats));
    std::memcpy(multipliers + i, &moved, sizeof(Floats));
    std::memcpy(sums + i, &sum, sizeof(Lanes));
  }
  for (; i < count; ++i) {
    direction[i] = kept * direction[i] + fresh * taken[i];
    multipliers[i] = std::max(0.0F, multipliers[i] - length * direction[i]);
    sums[i] += static_cast<double>(multipliers[i]);
  }
}

AFFINIS_WIDE
double select_best(const double* worth, double* chosen, double* taken, std::size_t count) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Lanes zero = {};
  const Lanes high = {kInfinity, kInfinity, kInfinity, kInfinity};
  for (;;) {
    Lanes least = high;
    Lanes most = -high;
    Lanes least_at = {};
    Lanes most_at = {};
    Lanes at = {0, 1, 2, 3};
    for (std::size_t i = 0; i < count; i += kLanes) {
      AFFINIS_LOAD(each, worth + i);
      AFFINIS_LOAD(in, chosen + i);
      const Lanes inside = in > zero ? each : high;
      const Lanes outside = in > zero ? -high : each;
      least_at = inside < least ? at : least_at;
      least = inside < least ? inside : least;
      most_at = outside > most ? at : most_at;
      most = outside > most ? outside : most;
      at += static_cast<double>(kLanes);
    }
    std::size_t last = 0;
    std::size_t next = 0;
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
      last = least[lane] < least[last] ? lane : last;
      next = most[lane] > most[next] ? lane : next;
    }
    if (least[last] >= most[next]) break;
    std::swap(chosen[static_cast<std::size_t>(least_at[last])],
              chosen[static_cast<std::size_t>(most_at[next])]);
  }
  Lanes sums = {};
  for (std::size_t i = 0; i < count; i += kLanes) {
    AFFINIS_LOAD(each, worth + i);
    AFFINIS_LOAD(in, chosen + i);
    const Lanes one = {1, 1, 1, 1};
    const Lanes mark = ((in > zero) & (each > zero)) ? one : zero;
    sums += mark > zero ? each : zero;
    std::memcpy(taken + i, &mark, sizeof(Lanes));
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace affinis::taxonomy
