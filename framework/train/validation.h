#pragma once

#include <vector>

#include "framework/train/batch_source.h"
#include "framework/train/network.h"

namespace affinis::train {

/// Every head's mean per-image loss over one pass of the source in evaluation mode, over images with labels; NaN where none has.
std::vector<double> mean_losses(Network& network, BatchSource& source);

}  // namespace affinis::train
