#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include "framework/train/batch_parts.h"
#include "framework/train/network.h"

namespace affinis::train {

/// DELTA's supervised attention (Li et al. 2019): a channel of a feature map counts by how much the loss rises when it is switched off, on the
/// trunk as it began and under heads that have learnt on it.
///
/// By how much the loss of these examples rises when one channel of one map is zero everywhere: for each map, the trunk's stages (nn::StageMaps)
/// from the input up and then its representation, a tensor [C] in float64 on the CPU. The loss is the mean over heads of the mean over
/// their images with a label; the network is in evaluation mode meanwhile. Of the examples' images side by side in a representation
/// [N, k C, h, w] channel c of each is zero at once. One pass through what follows the map for each channel; `parts` are gone through one
/// after another. `low_precision`: passes in bfloat16, as LowPrecision.
///
/// Throws Error(kData) when no example has a label, Error(kNumeric) naming map and channel when a loss is no number.
std::vector<at::Tensor> loss_rises(Network& network, const std::vector<BatchPart>& parts, bool low_precision);

/// W of one map, [C] with the sum 1: softmax(r / 5) of the rises [C] less their mean, divided by their deviation (over C), as the authors'
/// code has it. Equal where all rises are.
at::Tensor attention_of(const at::Tensor& rises);

/// "stage 1", ..., "representation" for a map and its place among `maps`.
std::string map_name(std::size_t map, std::size_t maps);

/// "stage 1 0.61 to 1.8, ...": each map's smallest and largest C W, which is 1 where channels count alike.
std::string attention_in_words(const std::vector<at::Tensor>& attention);
/// [{"map", "channels", "smallest", "largest"}, ...], of W itself.
nlohmann::json attention_in_json(const std::vector<at::Tensor>& attention);

}  // namespace affinis::train
