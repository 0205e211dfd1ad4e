#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "framework/train/adaptation.h"
#include "framework/train/network.h"

namespace affinis::train {

/// The tensors of a weight file: of a network of ours (safetensors), any other safetensors file, or a PyTorch state_dict.
std::vector<nn::NamedTensor> read_weights(const std::filesystem::path& path);

/// What of a weight file went where.
struct StartedFrom {
  std::vector<std::string> loaded;    ///< the network's names
  std::vector<std::string> as_drawn;  ///< of the trunk, which the file has not
  std::vector<std::string> left_out;  ///< of the file, which the network has no place for
};

/// Loads the trunk of `network` from the weights of another one. Names with "trunk." are those of a network of ours: its trunk is loaded,
/// and its head of the same task when it has one; other heads of the file are left out and this network's own stay as they are drawn.
/// Without it they are a bare encoder's or a torchvision ResNet-50's: "fc" is left out, and of the trunk only what follows the residual
/// stages may be missing. Throws Error(kData) that lists every name and shape that does not fit, with the nearest names.
StartedFrom start_from(Network& network, const std::vector<nn::NamedTensor>& weights);

/// The same policy, less what the weights did not bring: a part of the trunk that is as it was drawn belongs to the head, and learns where
/// all of the trunk was meant to be frozen for good. Phases that end (probe, gradual) begin with it frozen all the same.
AdaptationOptions without_drawn_parts(AdaptationOptions adaptation, const Network& network, const StartedFrom& report);

}  // namespace affinis::train
