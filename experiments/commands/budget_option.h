#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace affinis::experiments {

/// Most cells that one sweep may have.
inline constexpr std::size_t kMostCells = 100000;

/// A budget, at least 0; throws Error(kUsage) that names the option.
double parse_budget(const std::string& text, const char* option);

/// The values of --budgets: "1-26", "2,4.5,8" or both kinds mixed; at least one. Throws Error(kUsage).
std::vector<double> parse_budgets(const std::string& text);

}  // namespace affinis::experiments
