#pragma once

#include <limits>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/json_number.h"

namespace affinis::train {

/// Numbers of which some may not be known (NaN), as JSON and back; every other double comes back as it was.
inline nlohmann::json numbers(std::span<const double> values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double each : values) list.push_back(number(each));
  return list;
}

inline std::vector<double> numbers_from(const nlohmann::json& list) {
  std::vector<double> values;
  for (const nlohmann::json& each : list) values.push_back(each.is_null() ? std::numeric_limits<double>::quiet_NaN() : each.get<double>());
  return values;
}

}  // namespace affinis::train
