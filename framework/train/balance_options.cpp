#include "framework/train/balance_options.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::train {

const std::vector<OptionField>& BalanceOptions::fields() {
  using T = BalanceOptions;
  static const std::vector<OptionField> table = {
      option("balancer", &T::balancer, "how the heads' losses or gradients become one step of the trunk",
             {.choices = {"fixed", "uncertainty", "gradnorm", "dwa", "dtp", "rlw", "geometric", "imtl-l", "imtl", "mgda", "mgda-ub", "pcgrad",
                          "gradvac", "cagrad", "nash", "aligned", "upgrad", "famo", "dynamic"}}),
      option("weights", &T::weights, "fixed: \"task=weight\" for each task, 1 in all; empty: the mean of the losses"),
      option("balance_rate", &T::balance_rate, "step size of weights that learn (uncertainty, gradnorm, imtl-l, famo)", {.minimum = 0}),
      option("alpha", &T::alpha, "gradnorm: strength of the pull to a common rate of training", {.minimum = 0}),
      option("temperature", &T::temperature, "dwa: the higher, the more equal the weights", {.minimum = 1e-6}),
      option("gamma", &T::gamma, "dtp: the higher, the more the hard tasks count", {.minimum = 0}),
      option("cagrad_c", &T::cagrad_c, "cagrad: how far the step may lie from the mean gradient, as a share of its length",
             {.minimum = 0, .maximum = 1}),
      option("gradvac_rate", &T::gradvac_rate, "gradvac: share of a newly measured cosine in the running mean that cosines are raised to",
             {.minimum = 0, .maximum = 1}),
      option("normalise", &T::normalise, "mgda, mgda-ub: what gradients are divided by first", {.choices = {"none", "l2", "loss", "loss+"}}),
      option("gradients", &T::gradients,
             "whose gradients imtl, mgda, pcgrad, gradvac, cagrad, nash, aligned and upgrad weigh: the trunk's parameters, or, with one pass "
             "back through the trunk instead of one a task, its output",
             {.choices = {"trunk", "representation"}}),
      option("gradient_memory", &T::gradient_memory,
             "MiB for the tasks' gradients that are held at once; where they need more they are made in blocks, with more passes back",
             {.minimum = 1}),
      option("balance_every", &T::balance_every, "steps between two computations of the weights, for methods that need every task's gradient",
             {.minimum = 1}),
      option("heads_first", &T::heads_first, "share of the training on the heads alone, with a frozen trunk", {.minimum = 0, .maximum = 1}),
      option("head_schedule", &T::head_schedule, "which heads learn in a step: all, one after another, or one drawn in proportion to its labels",
             {.choices = {"all", "round-robin", "proportional"}}),
      option("periods", &T::periods, "\"task=k\": this head learns in every k-th step alone"),
      option("rates", &T::rates, "\"task=r\": step size of this head as a multiple of the learning rate"),
      option("head_patience", &T::head_patience, "validations without a better loss after which a head stops to learn; 0: never", {.minimum = 0}),
      option("conflicts", &T::conflicts, "gradient norms and the cosines between tasks are measured at every point of the curve, with one more pass back through the trunk for "
             "each head; what that took is in the log"),
      option("tag", &T::tag, "inter-task affinities are measured on the way"),
      option("tag_every", &T::tag_every, "steps between two measurements of inter-task affinities", {.minimum = 1}),
  };
  return table;
}

std::vector<double> task_values(const std::vector<std::string>& list, const std::vector<std::string>& tasks, double otherwise,
                                const std::string& option) {
  std::vector<double> values(tasks.size(), otherwise);
  std::set<std::string> seen;
  for (const std::string& each : list) {
    const std::size_t sign = each.find('=');
    AFFINIS_CHECK(sign != std::string::npos, ErrorCode::kUsage, "{} holds '{}'; write it as task=value", option, each);
    const std::string task = trim(each.substr(0, sign));
    const auto found = std::find(tasks.begin(), tasks.end(), task);
    AFFINIS_CHECK(found != tasks.end(), ErrorCode::kUsage, "{} names the task '{}', which has no head here{}", option, task,
                  did_you_mean(task, tasks));
    AFFINIS_CHECK(seen.insert(task).second, ErrorCode::kUsage, "{} names the task '{}' twice; remove one of the two", option, task);
    const std::string text = trim(each.substr(sign + 1));
    const std::optional<double> value = parse_real(text);
    AFFINIS_CHECK(value && std::isfinite(*value), ErrorCode::kUsage, "{} gives the task '{}' the value '{}'; write a number", option, task, text);
    values[static_cast<std::size_t>(found - tasks.begin())] = *value;
  }
  return values;
}

void validate(const BalanceOptions& options, const std::vector<std::string>& tasks) {
  BalanceOptions copy = options;
  validate_options(option_section("balance", "", copy));
  if (!options.weights.empty()) {
    AFFINIS_CHECK(options.balancer == "fixed", ErrorCode::kUsage, "weights are set but the balancer is '{}'; leave one of the two out",
                  options.balancer);
    const std::vector<double> weights = task_values(options.weights, tasks, std::nan(""), "weights");
    double sum = 0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      AFFINIS_CHECK(!std::isnan(weights[i]), ErrorCode::kUsage, "weights leave out the task '{}'; name every task once", tasks[i]);
      AFFINIS_CHECK(weights[i] >= 0, ErrorCode::kUsage, "weights give the task '{}' {}; a weight is at least 0", tasks[i], weights[i]);
      sum += weights[i];
    }
    AFFINIS_CHECK(std::abs(sum - 1) <= 1e-6, ErrorCode::kUsage, "the weights sum to {}, not to 1; divide each by that", sum);
  }
  for (const double period : task_values(options.periods, tasks, 1, "periods")) {
    AFFINIS_CHECK(period >= 1 && period == std::floor(period) && period <= 1e9, ErrorCode::kUsage,
                  "periods hold {}; a period is a whole number of steps from 1 on", period);
  }
  for (const double rate : task_values(options.rates, tasks, 1, "rates")) {
    AFFINIS_CHECK(rate >= 0, ErrorCode::kUsage, "rates hold {}; a rate is at least 0", rate);
  }
  AFFINIS_CHECK(options.heads_first < 1, ErrorCode::kUsage, "heads_first is {}; it is a share of the training below 1", options.heads_first);
  AFFINIS_CHECK(options.head_schedule == "all" || options.periods.empty(), ErrorCode::kUsage,
                "periods are set but head_schedule is '{}', which takes one head a step; set it to 'all' or leave periods out",
                options.head_schedule);
  AFFINIS_CHECK(options.balancer != "dynamic" || (options.head_schedule == "all" && options.periods.empty()), ErrorCode::kUsage,
                "the balancer 'dynamic' sets the heads' periods itself; leave head_schedule and periods out");
}

}  // namespace affinis::train
