#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "framework/core/random.h"
#include "tests/framework/train/toy.h"

namespace affinis::train::toy {

inline const std::vector<std::string> kTasks = {"a", "b", "c"};

/// A trunk with a running mean (and dropout) and three regressions on it.
inline std::unique_ptr<Network> three_heads(double dropout = 0) {
  std::vector<Head> heads;
  for (const std::string& task : kTasks) heads.push_back({std::make_shared<Regression>(task, 2), std::make_unique<Mlp>(5, 6, 2)});
  auto network = std::make_unique<Network>(std::make_unique<Mlp>(6, 8, 5, dropout), std::move(heads));
  network->initialise(3);
  return network;
}

/// Batches of 6 examples, the same input for all heads, targets on three scales. With `missing`, that share of the examples, and of the
/// batches, lacks a task's labels.
inline MadeSource three_tasks(std::int64_t batches, double missing = 0) {
  return {batches, [batches, missing](std::int64_t epoch, std::int64_t batch) {
            const auto at = static_cast<std::uint64_t>(epoch * batches + batch);
            RandomStream stream(9, "three tasks", {at});
            std::vector<float> values(36);
            for (float& each : values) each = static_cast<float>(stream.normal());
            const at::Tensor input = at::tensor(values).view({6, 6});
            std::vector<task::Batch> made;
            for (std::size_t t = 0; t < kTasks.size(); ++t) {
              const auto first = static_cast<std::int64_t>(t);
              at::Tensor target = input.slice(1, first, first + 2) * (t == 1 ? -3 : 0.5) + 0.2;
              at::Tensor mask;
              if (missing > 0) {
                mask = at::ones({6, 2});
                const bool all = stream.uniform() < missing;
                for (std::int64_t row = 0; row < 6; ++row) {
                  if (all || stream.uniform() < missing) mask[row].zero_();
                }
              }
              made.push_back({input, target, mask, {0, 1, 2, 3, 4, 5}});
            }
            return made;
          }};
}

inline std::vector<std::string> all_balancers() {
  for (const OptionField& field : BalanceOptions::fields()) {
    if (field.name == "balancer") return field.choices;
  }
  return {};
}

}  // namespace affinis::train::toy
