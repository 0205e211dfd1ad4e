#pragma once

#include <vector>

#include "framework/train/batch_source.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Every head's mean per-image loss over one pass of the source in evaluation mode, over images with labels; NaN where none has.
std::vector<double> mean_losses(Network& network, BatchSource& source);

/// What evaluate() finds for each head, in one pass of a source that makes a batch for every head: heads whose inputs are the same
/// tensor share one pass through the trunk. Throws as evaluate().
std::vector<Evaluation> evaluate_all(Network& network, BatchSource& source);

}  // namespace affinis::train
