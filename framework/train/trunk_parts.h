#pragma once

#include <string>
#include <vector>

#include "framework/train/network.h"

namespace affinis::train {

/// A piece of the trunk that is frozen, slowed down or set free as a whole.
struct TrunkPart {
  std::string name;                     ///< "stem", "layer2", "layer2.0", "compress"
  std::vector<std::string> parameters;  ///< "trunk.<...>", in the network's order
};

/// The trunk from the input up, by the names of its parameters. With a residual network's (layer1, layer2, ...): the stem, each stage, and
/// what follows the stages; with any other: one part for each first component of a name. Empty without trunk or parameters.
std::vector<TrunkPart> trunk_stages(const Network& network);
/// The same, each stage of a residual network cut into its units.
std::vector<TrunkPart> trunk_blocks(const Network& network);

}  // namespace affinis::train
