#include "framework/train/adversary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/randn.h>
#include <c10/util/StringUtil.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/nn/discriminator.h"

namespace affinis::train {
namespace {

// Taskonomy's: a label below 1 keeps the discriminator from growing too sure of targets; the
// network aims at 1.
constexpr double kRealLabel = 0.9;
constexpr double kFakeLabel = 0;
constexpr double kNetworksLabel = 1;
constexpr double kWeightDecayFactor = 10;
constexpr double kNoiseDecay = 0.2;
constexpr double kNoiseDecaySteps = 1000;
/// Pixels to a channel of the first layer: 64 channels at the original's 256 pixels.
constexpr std::int64_t kSideToWidth = 4;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void require_image(const task::Task& task, const task::Batch& batch, double weight) {
  const std::vector<std::int64_t> shape = task.prediction_shape();
  const std::string& name = task.info().name;
  AFFINIS_CHECK(
      shape.size() == 3, ErrorCode::kUsage,
      "adversarial_weight is {} but the task '{}' predicts no image; set it to 0 for this task",
      weight, name);
  const at::Tensor& input = batch.input;
  AFFINIS_CHECK(input.dim() == 4 && input.size(2) == shape[1] && input.size(3) == shape[2],
                ErrorCode::kUsage,
                "adversarial_weight is {} but the task '{}' predicts {} x {} pixels from an input "
                "of the shape {}, and only images of the "
                "input's size can be judged beside it; set it to 0 for this task",
                weight, name, shape[1], shape[2], c10::str(input.sizes().slice(1)));
  if (!batch.target.defined()) return;
  AFFINIS_CHECK(
      batch.target.is_floating_point() && batch.target.sizes().slice(1) == at::IntArrayRef(shape),
      ErrorCode::kUsage,
      "adversarial_weight is {} but the target of the task '{}' is no image like its prediction; "
      "set it to 0 for this task",
      weight, name);
}

TrainerOptions discriminator_options(const TrainerOptions& options) {
  TrainerOptions result = options;
  result.optimizer = "sgd";
  result.momentum = 0;
  result.weight_decay = kWeightDecayFactor * options.weight_decay;
  return result;
}

/// Standard normal numbers of a tensor's shape, the same on every device.
at::Tensor noise_like(const at::Tensor& tensor, std::uint64_t seed) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(tensor.sizes(), generator, at::TensorOptions(at::kFloat)).to(tensor.device());
}

/// [N, ...] mask as [N, 1 or C, H, W], to be multiplied with an image.
at::Tensor over_channels(const at::Tensor& mask) {
  return mask.dim() == 3 ? mask.unsqueeze(1) : mask;
}

at::Tensor verdict_loss(const at::Tensor& logits, double label) {
  return at::binary_cross_entropy_with_logits(logits, at::full_like(logits, label));
}

/// A discriminator that is only looked through: no gradient is computed for its own weights.
class Frozen {
 public:
  explicit Frozen(const nn::Module& module) : parameters_(module.parameters()) { set(false); }
  ~Frozen() { set(true); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  void set(bool learns) {
    for (const nn::NamedTensor& each : parameters_) each.tensor.set_requires_grad(learns);
  }
  std::vector<nn::NamedTensor> parameters_;
};

}  // namespace

Adversary::Adversary(const std::vector<Head>& heads, const std::vector<task::Batch>& batches,
                     const TrainerOptions& options, std::int64_t steps, const c10::Device& device)
    : options_(options),
      first_step_(static_cast<std::int64_t>(
          std::ceil(options.adversarial_after * static_cast<double>(steps)))),
      players_(made_players(heads, batches, options, device)),
      optimizer_(discriminator_options(options), parameters()) {}

std::vector<Adversary::Player> Adversary::made_players(const std::vector<Head>& heads,
                                                       const std::vector<task::Batch>& batches,
                                                       const TrainerOptions& options,
                                                       const c10::Device& device) {
  std::vector<Player> players;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const task::Task& task = *heads[h].task;
    require_image(task, batches[h], options.adversarial_weight);
    const std::int64_t side = batches[h].input.size(2);
    auto discriminator =
        nn::make_discriminator({.input_channels = batches[h].input.size(1),
                                .target_channels = task.prediction_shape()[0],
                                .side = side,
                                .width = std::max<std::int64_t>(1, side / kSideToWidth)});
    nn::initialise(*discriminator, derive_seed(static_cast<std::uint64_t>(options.seed),
                                               "discriminator of " + task.info().name));
    discriminator->set_training(true);
    discriminator->to(device);
    players.push_back({heads[h].task, std::move(discriminator)});
  }
  return players;
}

AdversarialLosses Adversary::step(std::int64_t step, const std::vector<task::Batch>& batches,
                                  std::span<const at::Tensor> predictions,
                                  std::vector<at::Tensor>& losses) {
  if (step < first_step_) return {kNan, kNan};
  AdversarialLosses sums;
  int count = 0;
  std::vector<Pair> shown_to(players_.size());
  optimizer_.zero_gradients();
  for (std::size_t h = 0; h < players_.size(); ++h) {
    if (!predictions[h].defined()) continue;
    shown_to[h] = shown(players_[h], step, batches[h], predictions[h]);
    nn::Module& discriminator = *players_[h].discriminator;
    // One after the other: the norms' running statistics depend on the order.
    const at::Tensor real = verdict_loss(discriminator.forward(shown_to[h].real), kRealLabel);
    const at::Tensor fake = verdict_loss(discriminator.forward(shown_to[h].fake.detach()), kFakeLabel);
    const at::Tensor loss = 0.5 * real + 0.5 * fake;
    sums.discriminator += checked(loss, players_[h], step);
    loss.backward();
    ++count;
  }
  if (count == 0) return {kNan, kNan};
  optimizer_.step(options_.discriminator_rate);
  for (std::size_t h = 0; h < players_.size(); ++h) {
    if (!predictions[h].defined()) continue;
    const Frozen frozen(*players_[h].discriminator);
    const at::Tensor loss =
        verdict_loss(players_[h].discriminator->forward(shown_to[h].fake), kNetworksLabel);
    sums.adversarial += checked(loss, players_[h], step);
    losses[h] = (1 - options_.adversarial_weight) * losses[h] + options_.adversarial_weight * loss;
  }
  return {sums.adversarial / count, sums.discriminator / count};
}

double Adversary::noise_at(std::int64_t step) const {
  return options_.adversarial_noise /
         (1 + kNoiseDecay * static_cast<double>(step) / kNoiseDecaySteps);
}

Adversary::Pair Adversary::shown(const Player& player, std::int64_t step, const task::Batch& batch,
                                 const at::Tensor& prediction) const {
  require_image(*player.task, batch, options_.adversarial_weight);
  at::Tensor input = batch.input.to(at::kFloat);
  at::Tensor real = batch.target.to(at::kFloat);
  at::Tensor fake = prediction;
  if (const double deviation = noise_at(step); deviation > 0) {
    const auto seed = [&](const char* side) {
      return derive_seed(static_cast<std::uint64_t>(options_.seed),
                         fmt::format("noise on {} of {}", side, player.task->info().name),
                         {static_cast<std::uint64_t>(step)});
    };
    real = real + deviation * noise_like(real, seed("targets"));
    fake = fake + deviation * noise_like(fake, seed("predictions"));
  }
  if (batch.mask.defined()) {
    const at::Tensor mask = over_channels(batch.mask);
    real = real * mask;
    fake = fake * mask;
    const at::Tensor labelled = mask.flatten(1).any(1);
    if (!labelled.all().item<bool>()) {
      const at::Tensor rows = labelled.nonzero().squeeze(1);
      input = input.index_select(0, rows);
      real = real.index_select(0, rows);
      fake = fake.index_select(0, rows);
    }
  }
  return {at::cat({input, real}, 1), at::cat({input, fake}, 1)};
}

double Adversary::checked(const at::Tensor& loss, const Player& player, std::int64_t step) const {
  const double value = loss.item<double>();
  AFFINIS_CHECK(std::isfinite(value), ErrorCode::kNumeric,
                "the adversarial loss of the task '{}' is {} at step {}; lower discriminator_rate "
                "({}) or adversarial_weight ({})",
                player.task->info().name, std::isnan(value) ? "NaN" : "infinite", step + 1,
                options_.discriminator_rate, options_.adversarial_weight);
  return value;
}

std::vector<nn::NamedTensor> Adversary::parameters() const {
  std::vector<nn::NamedTensor> result;
  for (const Player& player : players_) {
    for (const nn::NamedTensor& each : player.discriminator->parameters()) {
      result.push_back({player.task->info().name + "." + each.name, each.tensor});
    }
  }
  return result;
}

std::vector<nn::NamedTensor> Adversary::state() const {
  std::vector<nn::NamedTensor> result;
  for (const Player& player : players_) {
    for (nn::NamedTensor& each :
         nn::state_of(*player.discriminator, player.task->info().name + "."))
      result.push_back(std::move(each));
  }
  return result;
}

void Adversary::load_state(const std::vector<nn::NamedTensor>& state,
                           const std::vector<nn::NamedTensor>& optimizer_state) {
  for (const Player& player : players_)
    nn::load_state(*player.discriminator, state, player.task->info().name + ".");
  optimizer_.load_state(optimizer_state);
}

void forget_unused_adversary(nlohmann::json& settings) {
  if (settings.at("adversarial_weight") != 0) return;
  for (const char* name :
       {"adversarial_weight", "adversarial_after", "adversarial_noise", "discriminator_rate"})
    settings.erase(name);
}

}  // namespace affinis::train
