#include "taxonomy/neighbourhood.h"

#include <algorithm>

namespace affinis::taxonomy {

Neighbourhood::Neighbourhood(const Instance& instance) : instance_(instance) {}

void Neighbourhood::evaluate(const std::vector<char>& selected) {
  selected_ = selected;
  removable_.clear();
  column_.assign(instance_.sources, kNothing);
  for (std::size_t s = 0; s < instance_.sources; ++s) {
    if (!selected_[s] || instance_.forced[s] || instance_.costs[s] <= 0) continue;
    column_[s] = static_cast<std::int32_t>(removable_.size());
    removable_.push_back(static_cast<std::int32_t>(s));
  }
  const std::size_t columns = removable_.size() + 1;
  const std::size_t none = columns - 1;
  loss_.assign(columns, 0);
  gain_.assign(instance_.sources * columns, 0);
  if (stamp_.size() < instance_.sources * columns) stamp_.resize(instance_.sources * columns, 0);
  base_.resize(columns);
  value_ = 0;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    incoming_.clear();
    open_.clear();
    bool served = false;
    double served_by = 0;
    // Down to the first edge within the selection, and on until there is one without each of its
    // sources.
    for (std::size_t e = instance_.target_begin[t]; e < instance_.target_begin[t + 1]; ++e) {
      const std::size_t begin = instance_.use_begin[e];
      const std::size_t end = instance_.use_begin[e + 1];
      std::int32_t missing = kNothing;
      bool usable = true;
      for (std::size_t u = begin; u < end; ++u) {
        const std::int32_t source = instance_.use_source[u];
        if (selected_[static_cast<std::size_t>(source)]) continue;
        usable = missing == kNothing;
        if (!usable) break;
        missing = source;
      }
      if (!usable) continue;
      const double value = instance_.value[e];
      if (missing != kNothing) {
        incoming_.push_back({value, missing, e});
        continue;
      }
      const auto uses = [&](std::int32_t column) {
        for (std::size_t u = begin; u < end; ++u) {
          if (column_[static_cast<std::size_t>(instance_.use_source[u])] == column) return true;
        }
        return false;
      };
      if (!served) {
        served = true;
        served_by = value;
        value_ += value;
        std::fill(base_.begin(), base_.end(), value);
        for (std::size_t u = begin; u < end; ++u) {
          const std::int32_t column = column_[static_cast<std::size_t>(instance_.use_source[u])];
          if (column != kNothing) open_.push_back(column);
        }
      } else {
        std::erase_if(open_, [&](std::int32_t column) {
          if (uses(column)) return false;
          const auto c = static_cast<std::size_t>(column);
          base_[c] = value;
          loss_[c] += served_by - value;
          return true;
        });
      }
      if (open_.empty()) break;
    }
    double lowest = served_by;
    for (std::size_t c = 0; c < columns; ++c) lowest = std::min(lowest, base_[c]);
    // The best edge that a source coming in allows: the first one in this order, for each source
    // that may go out.
    ++now_;
    for (const Incoming& each : incoming_) {
      if (each.value <= lowest) break;
      const std::size_t row = static_cast<std::size_t>(each.source) * columns;
      for (std::size_t c = 0; c < columns; ++c) {
        if (stamp_[row + c] == now_ || each.value <= base_[c]) continue;
        if (c != none) {
          bool gone = false;
          for (std::size_t u = instance_.use_begin[each.edge];
               u < instance_.use_begin[each.edge + 1]; ++u)
            gone = gone || instance_.use_source[u] == removable_[c];
          if (gone) continue;
        }
        stamp_[row + c] = now_;
        gain_[row + c] += each.value - base_[c];
      }
    }
  }
}

}  // namespace affinis::taxonomy
