#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/options.h"

namespace affinis::train {

/// How a training treats weights that it did not begin from nothing: what is frozen for how long, how fast the rest may move, and what
/// holds it to where it was. The default treats all parameters alike.
struct AdaptationOptions {
  std::string freeze = "none";             ///< none, all (linear probe), stages (the first freeze_count), blocks (likewise), gradual
  std::int64_t freeze_count = 0;           ///< stages: of stem and four stages; blocks: of stem and all residual units
  std::vector<std::string> freeze_names = {};   ///< parameters frozen beside these, as patterns with * ("trunk.layer1.*")
  bool train_frozen_norms = false;         ///< BatchNorm of frozen parts keeps normalising by, and updating from, the batch
  double unfreeze_every = 0.1;             ///< gradual: share of the training after which the next stage from the top begins to learn
  double probe = 0;                        ///< share of the training on the head alone before the rest begins (LP-FT; Kumar et al. 2022)
  double backbone_rate = 1;                ///< trunk's step size as a share of the heads'
  double layer_decay = 1;                  ///< of the step size from one stage to the one below
  bool decay_norms = true;                 ///< weight decay on norms and biases too
  double l2_sp = 0;                        ///< alpha of L2-SP (Li et al. 2018) on the trunk; takes the place of its weight decay
  double l2_new = 0;                       ///< beta of L2-SP on the heads; takes the place of their weight decay
  double delta = 0;                        ///< weight of DELTA's feature distance (Li et al. 2019)
  std::string delta_attention = "uniform"; ///< uniform; supervised: channels count by what the loss without them is (delta_attention.h)
  std::int64_t delta_examples = 64;        ///< supervised: training examples that channels are weighed on
  double bss = 0;                          ///< eta of batch spectral shrinkage (Chen et al. 2019)
  std::int64_t bss_count = 1;              ///< how many of the smallest singular values it shrinks
  bool zero_head = false;                  ///< the heads' last layers begin at zero: the first steps leave the trunk untouched by noise

  static const std::vector<OptionField>& fields();
  bool operator==(const AdaptationOptions&) const = default;
};

/// Throws Error(kUsage) with one sentence where settings do not go together.
void validate(const AdaptationOptions& options);

}  // namespace affinis::train
