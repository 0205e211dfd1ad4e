#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/options.h"

namespace affinis::train {

/// How several heads' losses share the trunk, and which heads learn when. The default is the mean of all losses in every step. Lists
/// name tasks as "task=value"; what is not named has the stated default. With a single head nothing is balanced.
struct BalanceOptions {
  /// fixed, uncertainty, gradnorm, dwa, dtp, rlw, geometric, imtl-l, imtl, mgda, mgda-ub, pcgrad, gradvac, cagrad, nash, aligned, upgrad,
  /// famo, dynamic (asynchronous head periods, after Leang et al. 2020)
  std::string balancer = "fixed";
  std::vector<std::string> weights;       ///< fixed: must sum to 1; empty: the mean
  double balance_rate = 0.025;            ///< step size of weights that learn (uncertainty, gradnorm, imtl-l, famo)
  double alpha = 1.5;                     ///< gradnorm: strength of the pull to a common training rate
  double temperature = 2;                 ///< dwa
  double gamma = 2;                       ///< dtp: focus
  double cagrad_c = 0.4;                  ///< cagrad: radius around the mean gradient
  double gradvac_rate = 0.01;             ///< gradvac: share of a new cosine in the running mean
  std::string normalise = "none";         ///< mgda, mgda-ub: none, l2, loss, loss+
  std::string gradients = "trunk";        ///< gradient methods: of the trunk's parameters, or of its output (representation)
  std::int64_t gradient_memory = 1024;    ///< MiB for gradients held at once; less costs backward passes
  std::int64_t balance_every = 1;         ///< steps between two computations of weights (methods that need gradients)

  double heads_first = 0;             ///< share of the training on the heads alone, with a frozen trunk
  std::string head_schedule = "all";  ///< which heads learn in a step: all, round-robin, proportional (to their labels)
  std::vector<std::string> periods;   ///< "task=k": this head learns in every k-th step alone; default 1
  std::vector<std::string> rates;     ///< "task=r": step size of this head as a multiple of the rate; default 1
  std::int64_t head_patience = 0;     ///< validations without a better loss after which a head stops to learn; 0: never
  bool conflicts = true;              ///< gradient norms and cosines are measured at every point of the curve
  bool tag = false;                   ///< TAG affinities are measured on the way (Fifty et al. 2021)
  std::int64_t tag_every = 10;        ///< steps between two measurements

  static const std::vector<OptionField>& fields();
  bool operator==(const BalanceOptions&) const = default;
};

/// Throws Error(kUsage) with one sentence where settings do not go together, or name a task that is not among `tasks`.
void validate(const BalanceOptions& options, const std::vector<std::string>& tasks);

/// The values of a list of "task=value", one a task, `otherwise` where it names none. Throws Error(kUsage) naming `option`.
std::vector<double> task_values(const std::vector<std::string>& list, const std::vector<std::string>& tasks, double otherwise,
                                const std::string& option);

}  // namespace affinis::train
