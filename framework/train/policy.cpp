#include "framework/train/policy.h"

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::train {

void apply_policy(AdaptationOptions& adaptation, const std::string& policy) {
  constexpr double kUsualProbe = 0.5;
  const std::size_t colon = policy.find(':');
  const std::string name = policy.substr(0, colon);
  if (name == "stages" || name == "blocks") {
    const std::optional<std::int64_t> count = colon == std::string::npos ? std::nullopt : parse_integer(policy.substr(colon + 1));
    AFFINIS_CHECK(count && *count > 0, ErrorCode::kUsage, "the policy '{}' names no number of {}; write {}:2 for the first two", policy, name, name);
    adaptation.freeze = name;
    adaptation.freeze_count = *count;
    return;
  }
  const std::vector<std::string> names = {"none", "all", "stages:K", "blocks:K", "gradual", "lp-ft"};
  AFFINIS_CHECK(policy == "none" || policy == "all" || policy == "gradual" || policy == "lp-ft", ErrorCode::kUsage,
                "there is no policy '{}'; the policies are {}", policy, join(names, ", "));
  adaptation.freeze = policy == "lp-ft" ? "none" : policy;
  adaptation.freeze_count = 0;
  if (policy == "lp-ft" && adaptation.probe == 0) adaptation.probe = kUsualProbe;
}

}  // namespace affinis::train
