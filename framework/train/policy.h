#pragma once

#include <string>
#include <vector>

#include "framework/train/adaptation.h"

namespace affinis::train {

/// Sets what a policy's short name stands for, over `adaptation`: none, all (linear probe), stages:K, blocks:K, gradual, lp-ft (the head alone
/// for half of the training, or for `probe` where that is set, then everything). Throws Error(kUsage) with the names there are.
void apply_policy(AdaptationOptions& adaptation, const std::string& policy);

}  // namespace affinis::train
