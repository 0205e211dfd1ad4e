#pragma once

#include <cstdint>

#include "framework/train/trainer.h"

namespace affinis::train {

/// Learning rate of the step after `step` finished ones, of `steps` in all: the schedule's value times the warm-up's. Warm-up takes
/// W = round(warmup * steps) steps; the k-th of them has k/W of the rate. A cosine falls from the full rate after the warm-up towards 0
/// behind the last step (Loshchilov and Hutter 2017, without restarts); steps are at round(decay_at * steps).
double learning_rate_at(const TrainerOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace affinis::train
