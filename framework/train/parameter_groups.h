#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/nn/module.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Parameters that are treated alike.
struct ParameterGroup {
  std::string name;  ///< "trunk.layer1", "heads.depth", with ", without decay" or ", frozen" where a part is split
  std::vector<nn::NamedTensor> parameters;
  double rate = 1;  ///< step size as a multiple of the learning rate
  double weight_decay = 0;
  bool frozen = false;  ///< in every step
};

/// The network's parameters in groups, in the network's order as far as groups allow. A head has rate 1, or what balance.rates says; the
/// trunk's topmost part has adaptation.backbone_rate and each part below it layer_decay times the rate of the one above (parts: see
/// trunk_parts.h). Weight decay is the training's; none on parameters of one dimension (norms, biases) without decay_norms, none where
/// L2-SP takes its place. Throws Error(kUsage) as freeze_phases(), and for balance.rates that are no "task=number" of a head.
std::vector<ParameterGroup> parameter_groups(const Network& network, const TrainerOptions& options);

/// A line a parameter: name, shape, group, absolute step size, weight decay, and whether it is frozen; below a line a group with the
/// number of tensors, values and norms.
std::string parameter_table(const std::vector<ParameterGroup>& groups, const TrainerOptions& options);
/// The same for machines: a list of {"name", "tensors", "values", "learning_rate", "weight_decay", "frozen"}.
nlohmann::json group_table(const std::vector<ParameterGroup>& groups, const TrainerOptions& options);

}  // namespace affinis::train
