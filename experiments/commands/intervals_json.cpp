#include "experiments/commands/intervals_json.h"
#include "framework/core/json_number.h"

#include <cmath>
#include <vector>

namespace affinis::experiments {
namespace {

using End = double taxonomy::Interval::*;

nlohmann::json ends(const std::vector<taxonomy::Interval>& intervals, End end) {
  nlohmann::json list = nlohmann::json::array();
  for (const taxonomy::Interval& interval : intervals) list.push_back(number(interval.*end));
  return list;
}

nlohmann::json win_ends(const taxonomy::TargetBootstrap& target, End end) {
  const std::size_t count = target.networks.size();
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i) {
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t j = 0; j < count; ++j) row.push_back(number(target.wins[i * count + j].*end));
    rows.push_back(std::move(row));
  }
  return rows;
}

nlohmann::json measures_json(const taxonomy::NetworkIntervals& target) {
  constexpr End low = &taxonomy::Interval::low;
  constexpr End high = &taxonomy::Interval::high;
  nlohmann::json tied = nlohmann::json::array();
  for (const char tie : target.tied_with_best) tied.push_back(tie != 0);
  return {{"affinity_low", ends(target.affinity, low)},
          {"affinity_high", ends(target.affinity, high)},
          {"gain_low", ends(target.gain, low)},
          {"gain_high", ends(target.gain, high)},
          {"quality_low", ends(target.quality, low)},
          {"quality_high", ends(target.quality, high)},
          {"tied_with_best", tied}};
}

}  // namespace

nlohmann::json intervals_json(const taxonomy::TargetBootstrap& target,
                              const taxonomy::TestUnits& units,
                              const taxonomy::BootstrapOptions& options) {
  constexpr End low = &taxonomy::Interval::low;
  constexpr End high = &taxonomy::Interval::high;
  nlohmann::json best = nullptr;
  if (target.best < target.networks.size()) best = target.networks[target.best];
  nlohmann::json json = measures_json(target);
  json.update({{"unit", taxonomy::test_unit_name(units.unit)},
               {"units", units.count},
               {"draws", options.draws},
               {"seed", options.seed},
               {"level", options.level},
               {"wins_low", win_ends(target, low)},
               {"wins_high", win_ends(target, high)},
               {"best", best},
               {"told_apart", number(target.told_apart)},
               {"noise", target.noise}});
  return json;
}

nlohmann::json seeds_json(const taxonomy::SeedIntervals& target) {
  nlohmann::json json = measures_json(target);
  json["seeds"] = target.seeds;
  json["level"] = target.level;
  return json;
}

}  // namespace affinis::experiments
