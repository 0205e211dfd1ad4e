#pragma once

#include <cstddef>
#include <cstdint>

namespace affinis::taxonomy {

/// The loops in which a relaxation spends its time, four numbers at once on processors that can.
/// What they compute is the same everywhere.

/// Averages subgradients: each direction goes by `fresh` (0 to 1) of the way to
/// weights[cell[i]]. Returns the sum of their squares, those aside that point into the bound 0 of
/// a multiplier.
double turn_directions(double* direction, const std::uint32_t* cell, const double* weights,
                       const double* multipliers, std::size_t count, double fresh);

/// What turn_directions() counts of one direction.
inline double square_of(double direction, double multiplier) {
  const int counts = static_cast<int>(direction < 0) | static_cast<int>(multiplier > 0);
  return counts * direction * direction;  // without a branch, which no processor could foretell
}

/// multipliers[i] = max(0, multipliers[i] - length * direction[i]).
void move_multipliers(double* multipliers, const double* direction, std::size_t count,
                      double length);

/// A step along one row of a world's multipliers: its directions become kept * direction + fresh *
/// taken, multipliers[i] = max(0, multipliers[i] - length * direction[i]), which is added to sums[i].
void step_row(float* multipliers, float* direction, double* sums, const float* taken,
              std::size_t count, float kept, float fresh, float length);

/// Numbers that select_best() works on come in multiples of this.
constexpr std::size_t kLanes = 4;
constexpr std::size_t padded(std::size_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// `chosen` holds 1 for some of `worth` and 0 for the others: exchanges places until those chosen
/// are the best. Quick where they nearly are. `count` is a multiple of kLanes, and what pads it is
/// worth -infinity and not chosen. Returns the sum of what is positive among them, and marks it in
/// `taken` with 1, everything else with 0.
double select_best(const double* worth, double* chosen, double* taken, std::size_t count);

}  // namespace affinis::taxonomy
