#pragma once

#include <cmath>

#include <nlohmann/json.hpp>

namespace affinis {

/// JSON has neither NaN nor infinity: both become null, as a value that is not known.
inline nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr); }

}  // namespace affinis
