#include "framework/train/adaptation.h"

#include "framework/core/error.h"

namespace affinis::train {

const std::vector<OptionField>& AdaptationOptions::fields() {
  using T = AdaptationOptions;
  static const std::vector<OptionField> table = {
      option("freeze", &T::freeze,
             "what does not learn: nothing, the whole trunk (linear probe), its first freeze_count stages or blocks, or all of it at first and "
             "ever less of it from the top down",
             {.choices = {"none", "all", "stages", "blocks", "gradual"}}),
      option("freeze_count", &T::freeze_count, "how many stages (stem, then four) or blocks (stem, then every residual unit) are frozen: a count, not an index",
             {.minimum = 0}),
      option("freeze_names", &T::freeze_names, "parameters that are frozen beside these, by name; * stands for anything"),
      option("train_frozen_norms", &T::train_frozen_norms, "BatchNorm of frozen parts goes on to learn and to normalise by the batch"),
      option("unfreeze_every", &T::unfreeze_every, "gradual: share of the training after which the next stage from the top begins to learn",
             {.minimum = 0, .maximum = 1}),
      option("probe", &T::probe, "share of the training on the head alone before the rest begins to learn", {.minimum = 0, .maximum = 1}),
      option("backbone_rate", &T::backbone_rate, "step size of the trunk as a share of the head's", {.minimum = 0}),
      option("layer_decay", &T::layer_decay, "step size of a stage as a share of that of the stage above it", {.minimum = 0, .maximum = 1}),
      option("decay_norms", &T::decay_norms, "weight decay on norms and biases too"),
      option("l2_sp", &T::l2_sp, "L2-SP: pull of the trunk towards the weights it began from; takes the place of its weight decay", {.minimum = 0}),
      option("l2_new", &T::l2_new, "L2-SP: pull of the head towards 0; takes the place of its weight decay", {.minimum = 0}),
      option("delta", &T::delta, "DELTA: weight of the distance between the trunk's feature maps and those it began with", {.minimum = 0}),
      option("delta_attention", &T::delta_attention,
             "DELTA: channels of a map all count alike, or by how much the loss rises without them on the starting trunk, under a head that has "
             "learnt alone before (probe, or freeze 'gradual')",
             {.choices = {"uniform", "supervised"}}),
      option("delta_examples", &T::delta_examples,
             "DELTA, supervised: on so many training examples the network is run once without each channel (original: 256)", {.minimum = 1}),
      option("bss", &T::bss, "batch spectral shrinkage: weight of the smallest singular values of the batch's features", {.minimum = 0}),
      option("bss_count", &T::bss_count, "batch spectral shrinkage: how many singular values", {.minimum = 1}),
      option("zero_head", &T::zero_head, "the head's last layer begins at zero"),
  };
  return table;
}

void validate(const AdaptationOptions& options) {
  AdaptationOptions copy = options;
  validate_options(option_section("adaptation", "", copy));
  const bool counted = options.freeze == "stages" || options.freeze == "blocks";
  AFFINIS_CHECK(counted || options.freeze_count == 0, ErrorCode::kUsage,
                "freeze_count is {} but freeze is '{}'; set freeze to 'stages' or 'blocks', or leave freeze_count out", options.freeze_count,
                options.freeze);
  AFFINIS_CHECK(!counted || options.freeze_count > 0, ErrorCode::kUsage,
                "freeze is '{}', but freeze_count is 0; say how many of them, or set freeze to 'none'", options.freeze);
  AFFINIS_CHECK(options.freeze != "gradual" || options.unfreeze_every > 0, ErrorCode::kUsage,
                "freeze is 'gradual', but unfreeze_every is 0; give the share of the training after which one more stage learns");
  AFFINIS_CHECK(!options.train_frozen_norms || options.freeze != "none" || !options.freeze_names.empty() || options.probe > 0, ErrorCode::kUsage,
                "train_frozen_norms is set, but nothing is frozen; set freeze, freeze_names or probe too");
  AFFINIS_CHECK(options.delta_attention == "uniform" || options.delta > 0, ErrorCode::kUsage,
                "delta_attention is '{}', but delta is 0, so that no channel counts; give delta a weight or leave delta_attention out",
                options.delta_attention);
  AFFINIS_CHECK(options.delta_attention == "uniform" || !options.train_frozen_norms, ErrorCode::kUsage,
                "delta_attention is '{}', but with train_frozen_norms the trunk moves while the head learns alone; set one of the two to its default",
                options.delta_attention);
  AFFINIS_CHECK(options.probe < 1, ErrorCode::kUsage, "probe is {}; it is a share of the training below 1", options.probe);
}

}  // namespace affinis::train
