#include "experiments/study/epochs_by_images.h"

#include <limits>
#include <optional>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::experiments {
namespace {

const std::vector<std::string> kPaper = {"100:1000", "500:400", "1000:200", "2000:100", "8000:50", "16000:30", "more:15"};
constexpr std::int64_t kMore = std::numeric_limits<std::int64_t>::max();

struct Rule {
  std::int64_t images = 0;  ///< at most
  std::int64_t epochs = 0;
};

Rule parse_rule(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  const bool two = parts.size() == 2;
  const std::optional<std::int64_t> images = !two ? std::nullopt : parts[0] == "more" ? std::optional(kMore) : parse_integer(parts[0]);
  const std::optional<std::int64_t> epochs = !two ? std::nullopt : parse_integer(parts[1]);
  AFFINIS_CHECK(images && epochs && *images > 0 && *epochs > 0, ErrorCode::kConfig,
                "search.epochs_by_images has '{}'; write images:epochs, for example 1000:200, more:15 for all larger numbers, or paper alone", text);
  return {*images, *epochs};
}

}  // namespace

std::int64_t epochs_for(const std::vector<std::string>& rules, std::int64_t images) {
  const bool paper = rules.size() == 1 && trim(rules.front()) == "paper";
  std::optional<std::int64_t> found;
  Rule last;
  for (const std::string& text : paper ? kPaper : rules) {
    const Rule rule = parse_rule(text);
    AFFINIS_CHECK(rule.images > last.images, ErrorCode::kConfig, "search.epochs_by_images has '{}' behind a rule for as many images or more; order them by images",
                  text);
    if (!found && images <= rule.images) found = rule.epochs;
    last = rule;
  }
  AFFINIS_CHECK(last.epochs > 0, ErrorCode::kConfig, "search.epochs_by_images is empty; write images:epochs, for example 1000:200");
  return found.value_or(last.epochs);
}

}  // namespace affinis::experiments
