#pragma once

#include <map>
#include <string>
#include <vector>

#include "taxonomy/loss_table.h"

namespace affinis::experiments {

/// What linear readouts say of a target's first-order transfers before any of them is trained.
struct Prospect {
  taxonomy::LossTable errors;              ///< of readouts on test images, one network a source; the target's own encoder by the target's name
  std::map<std::string, double> affinity;  ///< by network
  /// Whether the forecast may choose: the best readout beats the constant guess on 60 % of the images or more. Where labels are relations
  /// between pixels or images it does not, and its ranking is chance.
  bool decides = false;
};

/// By target, from per-image errors of readouts (see forecast_losses()).
std::map<std::string, Prospect> prospects(const std::vector<taxonomy::LossTable>& forecasts);

}  // namespace affinis::experiments
