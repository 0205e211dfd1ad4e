#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/nn/module.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// What holds a fine-tuned network to where it began, added to the gradients that the losses leave (so that no loss balancer weighs it):
///
/// * L2-SP (Li et al. 2018): l2_sp / 2 ||w - w0||^2 over the trunk's parameters, l2_new / 2 ||w||^2 over the heads'. The weight decay of
///   these groups is off (parameter_groups.h).
/// * DELTA (Li et al. 2019): delta times the mean over examples of 1/2 sum over maps j, channels c and places of W_jc C_j / (h_j w_j)
///   (F_j - F0_j)^2, F0 being what the starting trunk makes of the same input in evaluation mode. Maps: the four stages of a residual
///   encoder and its representation; of any other trunk the representation alone. W_jc = 1 / C_j (every channel counts the same), or with
///   supervised attention what delta_attention.h makes of the starting trunk when the head has learnt alone; until then the trunk is
///   frozen, its distance 0 and the term left out.
/// * BSS (Chen et al. 2019): bss times the sum of squares of the bss_count smallest singular values of the batch's representations,
///   [N, features].
///
///     Regularisers regularisers(network, options);
///     regularisers.begin();                            // or load_start()
///     regularisers.before_forward(inputs);
///     predictions = network.forward_all(inputs);
///     regularisers.before_backward();                  // needs the graph that the losses' backward pass frees
///     balancer.backward(losses);
///     regularisers.add_gradients();
class Regularisers {
 public:
  /// Throws Error(kUsage) when a setting needs a trunk and there is none. Everything below does nothing with default options.
  Regularisers(Network& network, const TrainerOptions& options);
  ~Regularisers();
  Regularisers(const Regularisers&) = delete;
  Regularisers& operator=(const Regularisers&) = delete;

  bool active() const { return l2_sp_ > 0 || l2_new_ > 0 || through_graph(); }
  /// The trunk as it is now is where it began.
  void begin();
  /// Parameters and buffers of the trunk where it began; empty when no setting needs them.
  const std::vector<nn::NamedTensor>& start() const { return start_; }
  /// Throws Error(kData) when they are not the trunk's.
  void load_start(const std::vector<nn::NamedTensor>& start);

  /// Whether DELTA's channels are still to be weighed, on the trunk as it began and under heads that have learnt.
  bool waits_for_attention() const { return supervised_ && attention_.empty(); }
  /// One [C] a map, from the input up, each with the sum 1.
  void set_attention(const std::vector<at::Tensor>& attention);
  /// "0", "1", ...: empty before set_attention() and without supervised attention.
  std::vector<nn::NamedTensor> attention() const;
  /// Throws Error(kData) unless they are named as attention() does.
  void load_attention(const std::vector<nn::NamedTensor>& attention);

  void before_forward(const std::vector<at::Tensor>& inputs);
  void before_backward();
  /// Only to parameters that have a gradient: what nothing was learnt about in this step does not move.
  void add_gradients();

  /// DELTA's and BSS's terms of the last step, with their weights; 0 without them.
  double last_delta() const { return last_delta_; }
  double last_bss() const { return last_bss_; }

 private:
  bool through_graph() const { return delta_ > 0 || bss_ > 0; }
  bool measures_delta() const { return delta_ > 0 && !waits_for_attention(); }
  /// What the channels of each of maps_ and then of representations_ count; empty when all count alike.
  std::vector<at::Tensor> channel_weights() const;
  bool needs_start() const { return l2_sp_ > 0 || delta_ > 0; }
  /// Exchanges the trunk's values with those where it began: tensors' memory changes hands, nothing is copied.
  void exchange();
  void record(std::vector<at::Tensor>* maps, std::vector<at::Tensor>* representations);

  Network& network_;
  double l2_sp_;
  double l2_new_;
  double delta_;
  bool supervised_;
  double bss_;
  std::int64_t bss_count_;
  bool stages_ = false;  ///< the trunk shows its stages
  std::vector<nn::NamedTensor> start_;
  std::vector<at::Tensor> attention_;  ///< float32, where the network is
  std::vector<at::Tensor> maps_;
  std::vector<at::Tensor> representations_;
  std::vector<at::Tensor> start_maps_;
  std::vector<nn::NamedTensor> learning_;     ///< the trunk's parameters that need a gradient now
  std::vector<at::Tensor> gradients_;         ///< of DELTA and BSS, one each
  double last_delta_ = 0;
  double last_bss_ = 0;
};

/// DELTA's distance, without its weight: see Regularisers. Maps [N, C, ...], one for each in both lists, over the same examples. `weights`:
/// W, [C] for each map; empty: 1 / C. Throws Error(kInternal) where shapes do not go together.
at::Tensor delta_distance(const std::vector<at::Tensor>& maps, const std::vector<at::Tensor>& start_maps, const std::vector<at::Tensor>& weights = {});

/// Sum of squares of the `count` smallest of the min(N, D) singular values of features [N, D]; differentiable, where values coincide too.
at::Tensor smallest_singular_values(const at::Tensor& features, std::int64_t count);

/// Sets the last layer of every head, weight and bias, to zero.
void zero_last_layers(Network& network);

}  // namespace affinis::train
