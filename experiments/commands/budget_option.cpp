#include "experiments/commands/budget_option.h"

#include <cmath>
#include <cstdint>
#include <optional>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::experiments {
namespace {

double parse_number(const std::string& text, const char* option) {
  const std::optional<double> value = parse_real(text);
  AFFINIS_CHECK(value && std::isfinite(*value), ErrorCode::kUsage, "{}: '{}' is not a number", option, text);
  return *value;
}

}  // namespace

double parse_budget(const std::string& text, const char* option) {
  const double budget = parse_number(text, option);
  AFFINIS_CHECK(budget >= 0, ErrorCode::kUsage, "{}: the budget is {}, but must be at least 0", option, text);
  return budget;
}

std::vector<double> parse_budgets(const std::string& text) {
  std::vector<double> budgets;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-', 1);
    const auto first = dash == std::string::npos ? std::nullopt : parse_integer(part.substr(0, dash));
    const auto last = dash == std::string::npos ? std::nullopt : parse_integer(part.substr(dash + 1));
    if (!first || !last) {
      budgets.push_back(parse_budget(part, "--budgets"));
      continue;
    }
    AFFINIS_CHECK(*first >= 0 && *first <= *last && static_cast<std::size_t>(*last - *first) < kMostCells, ErrorCode::kUsage,
                  "--budgets: '{}' is not a range; write the smaller number first, as in 1-26", part);
    for (std::int64_t budget = *first; budget <= *last; ++budget) budgets.push_back(static_cast<double>(budget));
  }
  AFFINIS_CHECK(!budgets.empty(), ErrorCode::kUsage, "--budgets is empty; write for instance 1-26 or 2,4,8");
  return budgets;
}

}  // namespace affinis::experiments
