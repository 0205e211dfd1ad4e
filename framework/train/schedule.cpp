#include "framework/train/schedule.h"

#include <cmath>
#include <numbers>

namespace affinis::train {

double learning_rate_at(const TrainerOptions& options, std::int64_t step, std::int64_t steps) {
  const std::int64_t warmup = std::llround(options.warmup * static_cast<double>(steps));
  double factor = 1;
  if (options.schedule == "step") {
    for (const double share : options.decay_at) {
      if (step >= std::llround(share * static_cast<double>(steps))) factor *= options.decay_factor;
    }
  } else if (options.schedule == "cosine" && step >= warmup) {
    const double done = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
    factor = 0.5 * (1 + std::cos(std::numbers::pi * done));
  }
  if (step < warmup) factor *= static_cast<double>(step + 1) / static_cast<double>(warmup);
  return options.learning_rate * factor;
}

}  // namespace affinis::train
