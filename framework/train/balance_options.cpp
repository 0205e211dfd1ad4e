#include "framework/train/balance_options.h"

#include "framework/core/error.h"

namespace affinis::train {

const std::vector<OptionField>& BalanceOptions::fields() {
  using T = BalanceOptions;
  static const std::vector<OptionField> table = {
      option("balancer", &T::balancer, "how the heads' losses or gradients become one step of the trunk",
             {.choices = {"fixed", "uncertainty", "gradnorm", "dwa", "dtp", "rlw", "geometric", "imtl-l", "imtl", "mgda", "mgda-ub", "pcgrad",
                          "gradvac", "cagrad", "nash", "aligned", "famo"}}),
      option("weights", &T::weights, "fixed: \"task=weight\" for each task, 1 in all; empty: the mean of the losses"),
      option("balance_rate", &T::balance_rate, "step size of weights that learn (uncertainty, gradnorm, imtl-l, famo)", {.minimum = 0}),
      option("alpha", &T::alpha, "gradnorm: strength of the pull to a common rate of training", {.minimum = 0}),
      option("temperature", &T::temperature, "dwa: the higher, the more equal the weights", {.minimum = 1e-6}),
      option("gamma", &T::gamma, "dtp: the higher, the more the hard tasks count", {.minimum = 0}),
      option("cagrad_c", &T::cagrad_c, "cagrad: how far the step may lie from the mean gradient, as a share of its length",
             {.minimum = 0, .maximum = 1}),
      option("normalise", &T::normalise, "mgda, mgda-ub: what gradients are divided by first", {.choices = {"none", "l2", "loss", "loss+"}}),
      option("balance_every", &T::balance_every, "steps between two computations of the weights, for methods that need every task's gradient",
             {.minimum = 1}),
      option("heads_first", &T::heads_first, "share of the training on the heads alone, with a frozen trunk", {.minimum = 0, .maximum = 1}),
      option("head_schedule", &T::head_schedule, "which heads learn in a step: all, one after another, or one drawn in proportion to its labels",
             {.choices = {"all", "round-robin", "proportional"}}),
      option("periods", &T::periods, "\"task=k\": this head learns in every k-th step alone"),
      option("rates", &T::rates, "\"task=r\": step size of this head as a multiple of the learning rate"),
      option("head_patience", &T::head_patience, "validations without a better loss after which a head stops to learn; 0: never", {.minimum = 0}),
      option("conflicts", &T::conflicts, "gradient norms and the cosines between tasks are measured at every point of the curve"),
      option("tag", &T::tag, "inter-task affinities are measured on the way"),
      option("tag_every", &T::tag_every, "steps between two measurements of inter-task affinities", {.minimum = 1}),
  };
  return table;
}

}  // namespace affinis::train
