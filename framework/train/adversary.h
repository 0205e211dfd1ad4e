#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include "framework/nn/module.h"
#include "framework/train/network.h"
#include "framework/train/optimizer.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// What the two sides lost in one step, over several heads the mean of theirs; NaN when no head
/// took part.
struct AdversarialLosses {
  double adversarial = 0;    ///< of the network: cross-entropy of its predictions towards "real"
  double discriminator = 0;  ///< half of it on targets, half on predictions
};

/// The adversarial term of the dense tasks (Zamir et al. 2018): one conditional discriminator a
/// head learns to tell targets from predictions, and each head's loss becomes (1 -
/// adversarial_weight) of its own and adversarial_weight of how well it is found out. Pixels
/// without a label are zero on both sides, images without any take no part. Everything random is
/// drawn from (seed, step, task).
///
///     if (adversary) adversary->step(step, batches, predictions, losses);
///     balancer.backward(losses);
class Adversary {
 public:
  /// `batches` are any of the training, one a head: they tell what the discriminators look at.
  /// `steps` is the whole training's number. Throws Error(kUsage) naming the task unless each head
  /// predicts an image of its input's size and has a floating-point target of the same shape.
  Adversary(const std::vector<Head>& heads, const std::vector<task::Batch>& batches,
            const TrainerOptions& options, std::int64_t steps, const c10::Device& device);

  /// One step of the discriminators on these predictions, then their verdict is mixed into
  /// `losses`; heads whose prediction is undefined take no part. During the first adversarial_after
  /// of the training nothing happens. Throws Error(kNumeric) naming task and step when a loss is
  /// NaN or infinite.
  AdversarialLosses step(std::int64_t step, const std::vector<task::Batch>& batches,
                         std::span<const at::Tensor> predictions, std::vector<at::Tensor>& losses);

  /// Deviation of the instance noise at a step: adversarial_noise, falling with time.
  double noise_at(std::int64_t step) const;

  /// "<task>.<name>" of every discriminator, and their optimiser's; the tensors are the live ones.
  std::vector<nn::NamedTensor> state() const;
  std::vector<nn::NamedTensor> optimizer_state() const { return optimizer_.state(); }
  /// Throws Error(kData) when a tensor is missing or has another shape.
  void load_state(const std::vector<nn::NamedTensor>& state,
                  const std::vector<nn::NamedTensor>& optimizer_state);

 private:
  struct Player {
    std::shared_ptr<const task::Task> task;
    std::unique_ptr<nn::Module> discriminator;
  };
  /// What one discriminator is shown: [N, input channels + target channels, S, S] each.
  struct Pair {
    at::Tensor real;
    at::Tensor fake;  ///< differentiable in the prediction
  };

  static std::vector<Player> made_players(const std::vector<Head>& heads,
                                          const std::vector<task::Batch>& batches,
                                          const TrainerOptions& options, const c10::Device& device);
  std::vector<nn::NamedTensor> parameters() const;
  Pair shown(const Player& player, std::int64_t step, const task::Batch& batch,
             const at::Tensor& prediction) const;
  double checked(const at::Tensor& loss, const Player& player, std::int64_t step) const;

  TrainerOptions options_;
  std::int64_t first_step_;
  std::vector<Player> players_;  ///< one a head
  Optimizer optimizer_;
};

/// Takes the adversary's settings out of a training's identity when there is no adversary: they
/// mean nothing then, and a checkpoint from before they existed is still one of the same training.
void forget_unused_adversary(nlohmann::json& settings);

}  // namespace affinis::train
