#include "framework/train/network.h"

#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/nn/freezable.h"
#include "framework/nn/stage_maps.h"

namespace affinis::train {
namespace {

constexpr const char* kTrunkPrefix = "trunk.";

std::string head_prefix(const Head& head) { return "heads." + head.task->info().name + "."; }

std::vector<nn::NamedTensor> with_prefix(std::vector<nn::NamedTensor> tensors, const std::string& prefix) {
  for (nn::NamedTensor& each : tensors) each.name = prefix + each.name;
  return tensors;
}

void append(std::vector<nn::NamedTensor>& list, std::vector<nn::NamedTensor> more) {
  for (nn::NamedTensor& each : more) list.push_back(std::move(each));
}

bool same_tensor(const at::Tensor& a, const at::Tensor& b) {
  return a.is_same(b) || (a.data_ptr() == b.data_ptr() && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
                          a.strides() == b.strides());
}

/// What a trunk makes of the images of an example lies one behind the other along the channels. [N k, R, h, w] -> [N, k R, h, w].
at::Tensor side_by_side(const at::Tensor& each, std::int64_t images) {
  return each.reshape({each.size(0) / images, images * each.size(1), each.size(2), each.size(3)});
}

/// The names of `part`'s parameters that are among `frozen`, without the prefix.
std::vector<std::string> own_names(const nn::Module& part, const std::string& prefix, const std::set<std::string>& frozen) {
  std::vector<std::string> names;
  for (const nn::NamedTensor& each : part.parameters()) {
    if (frozen.contains(prefix + each.name)) names.push_back(each.name);
  }
  return names;
}

bool frozen_whole(const nn::Module& part, const std::string& prefix, const std::set<std::string>& frozen) {
  const std::size_t count = part.parameters().size();
  return count > 0 && own_names(part, prefix, frozen).size() == count;
}

void set_mode(nn::Module& part, const std::string& prefix, const std::set<std::string>& frozen, bool training) {
  part.set_training(training && !frozen_whole(part, prefix, frozen));
}

/// Whether all parameters below the nearest module around the buffer that has any are frozen.
bool is_frozen_buffer(const std::string& buffer, const std::vector<nn::NamedTensor>& parameters, const std::set<std::string>& frozen) {
  for (std::size_t dot = buffer.rfind('.'); dot != std::string::npos; dot = dot == 0 ? std::string::npos : buffer.rfind('.', dot - 1)) {
    const std::string prefix = buffer.substr(0, dot + 1);
    bool any = false;
    bool all = true;
    for (const nn::NamedTensor& each : parameters) {
      if (!each.name.starts_with(prefix)) continue;
      any = true;
      all = all && frozen.contains(each.name);
    }
    if (any) return all;
  }
  return false;
}

}  // namespace

Network::Network(std::unique_ptr<nn::Module> trunk, std::vector<Head> heads) : trunk_(std::move(trunk)), heads_(std::move(heads)) {
  AFFINIS_CHECK(!heads_.empty(), ErrorCode::kUsage, "a network needs at least one head; name a task");
  std::set<std::string> names;
  for (const Head& head : heads_) {
    AFFINIS_ASSERT(head.task != nullptr && head.module != nullptr);
    AFFINIS_CHECK(names.insert(head.task->info().name).second, ErrorCode::kUsage,
                  "the network has two heads for the task '{}'; name each task once", head.task->info().name);
  }
  set_training(true);
}

at::Tensor Network::forward(const at::Tensor& input, std::size_t head) { return decode(encode(input), head); }

at::Tensor Network::encode(const at::Tensor& input) {
  if (!trunk_) return input;
  const at::Tensor representation =
      input.dim() != 5 ? trunk_->forward(input) : side_by_side(trunk_->forward(input.flatten(0, 1)), input.size(1));
  if (representations_ != nullptr) representations_->push_back(representation);
  return representation;
}

at::Tensor Network::encode_from(std::size_t stage, const at::Tensor& map, std::int64_t images) {
  auto* const stages = dynamic_cast<nn::StageMaps*>(trunk_.get());
  AFFINIS_ASSERT(stages != nullptr);
  const at::Tensor representation = stages->forward_from(stage, map);
  return images == 1 ? representation : side_by_side(representation, images);
}

at::Tensor Network::decode(const at::Tensor& representation, std::size_t head) {
  return heads_.at(head).module->forward(representation);
}

std::vector<at::Tensor> Network::forward_all(std::span<const at::Tensor> inputs, std::vector<at::Tensor>* kept) {
  AFFINIS_ASSERT(inputs.size() == heads_.size());
  std::vector<at::Tensor> representations(inputs.size());
  std::vector<at::Tensor> predictions(inputs.size());
  for (std::size_t head = 0; head < inputs.size(); ++head) {
    if (!inputs[head].defined()) continue;
    for (std::size_t earlier = 0; earlier < head && !representations[head].defined(); ++earlier) {
      if (representations[earlier].defined() && same_tensor(inputs[earlier], inputs[head])) {
        representations[head] = representations[earlier];
      }
    }
    if (!representations[head].defined()) representations[head] = encode(inputs[head]);
    predictions[head] = decode(representations[head], head);
  }
  if (kept != nullptr) *kept = std::move(representations);
  return predictions;
}

std::vector<nn::NamedTensor> Network::parameters() const {
  std::vector<nn::NamedTensor> result;
  if (trunk_) append(result, with_prefix(trunk_->parameters(), kTrunkPrefix));
  for (const Head& head : heads_) append(result, with_prefix(head.module->parameters(), head_prefix(head)));
  return result;
}

std::vector<nn::NamedTensor> Network::state() const {
  std::vector<nn::NamedTensor> result;
  if (trunk_) append(result, nn::state_of(*trunk_, kTrunkPrefix));
  for (const Head& head : heads_) append(result, nn::state_of(*head.module, head_prefix(head)));
  return result;
}

std::vector<nn::NamedTensor> Network::buffers() const {
  std::vector<nn::NamedTensor> result;
  if (trunk_) append(result, with_prefix(trunk_->buffers(), kTrunkPrefix));
  for (const Head& head : heads_) append(result, with_prefix(head.module->buffers(), head_prefix(head)));
  return result;
}

void Network::load_state(const std::vector<nn::NamedTensor>& state) {
  std::vector<std::string> strangers;
  for (const nn::NamedTensor& each : state) {
    bool known = trunk_ != nullptr && each.name.starts_with(kTrunkPrefix);
    for (const Head& head : heads_) known = known || each.name.starts_with(head_prefix(head));
    if (!known) strangers.push_back(each.name);
  }
  AFFINIS_CHECK(strangers.empty(), ErrorCode::kData, "the weights hold {}, which belong to no part of this network (first: {})",
                strangers.size() == 1 ? "one tensor" : std::to_string(strangers.size()) + " tensors", strangers.front());

  // One part may be loaded before the next one turns out not to fit.
  std::vector<at::Tensor> backup;
  const std::vector<nn::NamedTensor> own = this->state();
  for (const nn::NamedTensor& each : own) backup.push_back(each.tensor.detach().clone());
  try {
    if (trunk_) nn::load_state(*trunk_, state, kTrunkPrefix);
    for (const Head& head : heads_) nn::load_state(*head.module, state, head_prefix(head));
  } catch (...) {
    for (std::size_t i = 0; i < own.size(); ++i) own[i].tensor.detach().copy_(backup[i]);
    throw;
  }
}

void Network::initialise(std::uint64_t seed) {
  if (trunk_) nn::initialise(*trunk_, derive_seed(seed, kTrunkPrefix));
  for (const Head& head : heads_) nn::initialise(*head.module, derive_seed(seed, head_prefix(head)));
}

void Network::set_training(bool training) {
  training_ = training;
  if (trunk_) set_mode(*trunk_, kTrunkPrefix, frozen_, training);
  for (const Head& head : heads_) set_mode(*head.module, head_prefix(head), frozen_, training);
}

void Network::freeze(const std::vector<std::string>& parameters) {
  const std::vector<nn::NamedTensor> own = this->parameters();
  std::vector<std::string> known;
  for (const nn::NamedTensor& each : own) known.push_back(each.name);
  const std::set<std::string> names(known.begin(), known.end());
  for (const std::string& name : parameters) {
    AFFINIS_CHECK(names.contains(name), ErrorCode::kUsage, "the network has no parameter '{}' to freeze{}", name, did_you_mean(name, known));
  }
  const std::set<std::string> frozen(parameters.begin(), parameters.end());
  const auto hold = [&](nn::Module& part, const std::string& prefix) {
    if (auto* freezable = dynamic_cast<nn::Freezable*>(&part)) {
      freezable->hold_in_evaluation(own_names(part, prefix, frozen));
      return;
    }
    if (frozen_whole(part, prefix, frozen)) return;
    for (const nn::NamedTensor& each : frozen_state(*this, frozen)) {
      AFFINIS_CHECK(!each.name.starts_with(prefix) || frozen.contains(each.name), ErrorCode::kUsage,
                    "'{}' cannot be held still while other parts of its module learn; freeze the whole of '{}' or nothing of it", each.name,
                    prefix.substr(0, prefix.size() - 1));
    }
  };
  if (trunk_) hold(*trunk_, kTrunkPrefix);
  for (const Head& head : heads_) hold(*head.module, head_prefix(head));

  for (at::Tensor& each : without_gradient_) each.set_requires_grad(true);
  without_gradient_.clear();
  for (const nn::NamedTensor& each : own) {
    if (!frozen.contains(each.name) || !each.tensor.requires_grad()) continue;
    each.tensor.mutable_grad().reset();
    each.tensor.set_requires_grad(false);
    without_gradient_.push_back(each.tensor);
  }
  frozen_ = frozen;
  set_training(training_);
}

std::vector<nn::NamedTensor> frozen_state(const Network& network, const std::set<std::string>& parameters) {
  const std::vector<nn::NamedTensor> own = network.parameters();
  std::vector<nn::NamedTensor> result;
  std::set<std::string> names;
  for (const nn::NamedTensor& each : own) names.insert(each.name);
  for (const nn::NamedTensor& each : network.state()) {
    const bool frozen = names.contains(each.name) ? parameters.contains(each.name) : is_frozen_buffer(each.name, own, parameters);
    if (frozen) result.push_back(each);
  }
  return result;
}

void Network::to(const c10::Device& device) {
  if (trunk_) trunk_->to(device);
  for (const Head& head : heads_) head.module->to(device);
}

}  // namespace affinis::train
