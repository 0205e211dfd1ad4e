#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "framework/task/task.h"

namespace affinis::train {

/// A head of a network: a task and the module that predicts it from the trunk's output.
struct Head {
  std::shared_ptr<const task::Task> task;
  std::unique_ptr<nn::Module> module;
};

/// Trunk + one head per task. Task-specific training has one head, multi-task several; a transfer's trunk is its transfer function and
/// its inputs are cached representations.
class Network {
 public:
  /// A null trunk passes the input on to the heads. Begins in training mode. Throws Error(kUsage) when two heads have the same task.
  Network(std::unique_ptr<nn::Module> trunk, std::vector<Head> heads);

  /// Predictions of one head. [N, ...] -> [N, ...].
  at::Tensor forward(const at::Tensor& input, std::size_t head);
  /// What the trunk makes of the input: the representation. [N, C, H, W] -> [N, R, h, w]; examples of k images [N, k, C, H, W] ->
  /// [N, k R, h, w], each image through the same trunk.
  at::Tensor encode(const at::Tensor& input);
  /// encode() from the map of one stage of the trunk on (nn::StageMaps), [N k, C, h, w] for examples of k images. Nothing is recorded.
  /// The trunk must show its stages.
  at::Tensor encode_from(std::size_t stage, const at::Tensor& map, std::int64_t images);
  at::Tensor decode(const at::Tensor& representation, std::size_t head);
  /// From now on every pass through the trunk adds its result to `into`; null ends it. Without a trunk nothing is added.
  void record_representations(std::vector<at::Tensor>* into) { representations_ = into; }
  /// Every head's prediction from its own input; an undefined input gives an undefined prediction. Heads whose inputs are the same
  /// tensor share one pass through the trunk, and one representation. `representations`, when given, gets what each head was put on.
  std::vector<at::Tensor> forward_all(std::span<const at::Tensor> inputs, std::vector<at::Tensor>* representations = nullptr);

  const std::vector<Head>& heads() const { return heads_; }
  nn::Module* trunk() { return trunk_.get(); }

  /// "trunk.<name>" and "heads.<task>.<name>".
  std::vector<nn::NamedTensor> parameters() const;
  std::vector<nn::NamedTensor> state() const;
  /// What is in state() but not in parameters().
  std::vector<nn::NamedTensor> buffers() const;
  /// Throws Error(kData) as nn::load_state does; the network is unchanged then.
  void load_state(const std::vector<nn::NamedTensor>& state);
  /// Draws all parameters anew from (seed, part, name): a head's first weights depend on seed and task alone, not on its neighbours.
  void initialise(std::uint64_t seed);
  /// Frozen parts stay in evaluation mode.
  void set_training(bool training);
  bool training() const { return training_; }
  /// From now on these parameters need no gradient, and what is made of them alone stays in evaluation mode (see nn::Freezable); all
  /// others need one again that did before. An empty list ends it. Throws Error(kUsage) for a name that is none of parameters(), and when
  /// a module that is frozen in part has statistics which it cannot hold still.
  void freeze(const std::vector<std::string>& parameters);
  void to(const c10::Device& device);

 private:
  std::unique_ptr<nn::Module> trunk_;
  std::vector<Head> heads_;
  bool training_ = true;
  std::vector<at::Tensor>* representations_ = nullptr;
  std::set<std::string> frozen_;
  std::vector<at::Tensor> without_gradient_;  ///< that freeze() took it from
};

/// Parameters and buffers that do not change while these parameters are frozen: a buffer is as frozen as the nearest module around it that
/// has parameters.
std::vector<nn::NamedTensor> frozen_state(const Network& network, const std::set<std::string>& parameters);

}  // namespace affinis::train
