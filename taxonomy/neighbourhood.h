#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// What a selection is worth after one more source, or after one source in place of another, for
/// all such moves at once: each target looks once through its edges that lack at most one source,
/// which costs about as much as a few evaluations of single moves.
class Neighbourhood {
 public:
  static constexpr std::int32_t kNothing = -1;
  struct Move {
    std::int32_t in = kNothing;   ///< the source that comes in; kNothing: there is no move
    std::int32_t out = kNothing;  ///< the source that makes room, if any
    double gain = 0;
  };

  /// The instance must have stand-in edges; so every selection serves every target.
  explicit Neighbourhood(const Instance& instance);

  /// Looks at the moves of a selection; best() and value() speak of it.
  void evaluate(const std::vector<char>& selected);
  /// Of the selection.
  double value() const { return value_; }
  /// What a source brings beside the others; 0 when it is among them.
  double gain_of_adding(std::size_t source) const {
    return gain_[(source + 1) * (removable_.size() + 1) - 1];
  }
  /// The move within the budget that gains most (of equal ones the first by number of what comes
  /// in, then of what goes out), among those for which `allowed(in, out)`.
  template <class Allowed>
  Move best(double left, const Allowed& allowed) const;

 private:
  const Instance& instance_;
  double value_ = 0;
  std::vector<char> selected_;
  std::vector<std::int32_t> removable_;  // selected sources that are not forced, ascending
  std::vector<std::int32_t> column_;     // of a source: its place in removable_, or kNothing
  std::vector<double> loss_;             // of a removable source: what giving it up costs
  std::vector<double>
      gain_;  // a row a source that may come in; a column a removable source, the last one for none

  struct Incoming {
    double value;
    std::int32_t source;
    std::size_t edge;
  };
  std::vector<Incoming> incoming_;    // edges of a target that lack one source
  std::vector<double> base_;          // of a column: what the target gets without it
  std::vector<std::int32_t> open_;    // columns whose base is not yet known
  std::vector<std::uint64_t> stamp_;  // like gain_: the visit to a target that counted last
  std::uint64_t now_ = 0;
};

template <class Allowed>
Neighbourhood::Move Neighbourhood::best(double left, const Allowed& allowed) const {
  Move best{kNothing, kNothing, -std::numeric_limits<double>::infinity()};
  const std::size_t columns = removable_.size() + 1;
  for (std::size_t in = 0; in < instance_.sources; ++in) {
    if (selected_[in]) continue;
    const double* const row = gain_.data() + in * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::int32_t out = c + 1 < columns ? removable_[c] : kNothing;
      const double gain = row[c] - (out == kNothing ? 0.0 : loss_[c]);
      if (gain <= best.gain) continue;
      const double freed = out == kNothing ? 0.0 : instance_.costs[static_cast<std::size_t>(out)];
      if (instance_.costs[in] - freed > left || !allowed(static_cast<std::int32_t>(in), out))
        continue;
      best = {static_cast<std::int32_t>(in), out, gain};
    }
  }
  return best;
}

}  // namespace affinis::taxonomy
