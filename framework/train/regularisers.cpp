#include "framework/train/regularisers.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"
#include "framework/nn/stage_maps.h"
#include "framework/train/batch_tools.h"

namespace affinis::train {
namespace {

constexpr std::string_view kTrunk = "trunk.";

std::vector<nn::NamedTensor> of_trunk(std::vector<nn::NamedTensor> tensors) {
  std::erase_if(tensors, [](const nn::NamedTensor& each) { return !each.name.starts_with(kTrunk); });
  return tensors;
}

bool is_same_input(const at::Tensor& a, const at::Tensor& b) {
  return a.is_same(b) || (a.data_ptr() == b.data_ptr() && a.sizes() == b.sizes() && a.strides() == b.strides());
}

}  // namespace

at::Tensor delta_distance(const std::vector<at::Tensor>& maps, const std::vector<at::Tensor>& start_maps, const std::vector<at::Tensor>& weights) {
  AFFINIS_CHECK(maps.size() == start_maps.size(), ErrorCode::kInternal, "the trunk showed {} maps and {} where it began", maps.size(),
                start_maps.size());
  AFFINIS_CHECK(weights.empty() || weights.size() == maps.size(), ErrorCode::kInternal, "the trunk showed {} maps, but channels of {} were weighed",
                maps.size(), weights.size());
  at::Tensor total;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const at::Tensor map = maps[i].to(at::kFloat).flatten(1);
    const at::Tensor difference = map - start_maps[i].to(at::kFloat).flatten(1);
    const double places = static_cast<double>(map.size(1)) / static_cast<double>(maps[i].size(1));
    at::Tensor squares = difference.square();
    if (!weights.empty()) {
      const std::int64_t channels = maps[i].size(1);
      AFFINIS_CHECK(weights[i].dim() == 1 && weights[i].size(0) == channels, ErrorCode::kInternal, "map {} has {} channels, but {} were weighed", i + 1,
                    channels, weights[i].numel());
      squares = squares.unflatten(1, {channels, map.size(1) / channels}).sum(at::IntArrayRef{0, 2}) * (weights[i] * static_cast<double>(channels));
    }
    const at::Tensor term = squares.sum() * (0.5 / (places * static_cast<double>(map.size(0))));
    total = total.defined() ? total + term : term;
  }
  return total;
}

at::Tensor smallest_singular_values(const at::Tensor& features, std::int64_t count) {
  const bool wide = features.size(1) > features.size(0);
  const at::Tensor rows = wide ? features : features.t();
  // The squares are the smaller Gram matrix's eigenvalues l = u' F F' u with |u| = 1, so that dl/dF = 2 u u' F needs no derivative of u.
  at::Tensor vectors;
  {
    const at::NoGradGuard no_gradient;
    const at::Tensor wide_rows = rows.detach().to(at::kDouble);
    vectors = std::get<1>(at::linalg_eigh(wide_rows.matmul(wide_rows.t()))).narrow(1, 0, std::min(count, rows.size(0))).to(rows.scalar_type());
  }
  return vectors.t().matmul(rows).square().sum();
}

void zero_last_layers(Network& network) {
  const at::NoGradGuard no_gradient;
  for (const Head& head : network.heads()) {
    const std::vector<nn::NamedTensor> parameters = head.module->parameters();
    if (parameters.empty()) continue;
    const std::string& last = parameters.back().name;
    const std::string layer = last.substr(0, last.rfind('.') + 1);
    for (const nn::NamedTensor& each : parameters) {
      if (each.name.starts_with(layer) && each.name.find('.', layer.size()) == std::string::npos) each.tensor.detach().zero_();
    }
  }
}

Regularisers::Regularisers(Network& network, const TrainerOptions& options)
    : network_(network),
      l2_sp_(options.adaptation.l2_sp),
      l2_new_(options.adaptation.l2_new),
      delta_(options.adaptation.delta),
      supervised_(options.adaptation.delta > 0 && options.adaptation.delta_attention == "supervised"),
      bss_(options.adaptation.bss),
      bss_count_(options.adaptation.bss_count) {
  const bool trunk = network.trunk() != nullptr;
  AFFINIS_CHECK(trunk || (l2_sp_ == 0 && !through_graph()), ErrorCode::kUsage, "{} is set, but this network has no trunk; leave it out",
                l2_sp_ > 0 ? "l2_sp" : delta_ > 0 ? "delta" : "bss");
}

Regularisers::~Regularisers() { record(nullptr, nullptr); }

void Regularisers::begin() {
  start_.clear();
  if (!needs_start()) return;
  for (const nn::NamedTensor& each : of_trunk(network_.state())) start_.push_back({each.name, each.tensor.detach().clone()});
}

void Regularisers::load_start(const std::vector<nn::NamedTensor>& start) {
  if (!needs_start()) return;
  begin();
  std::map<std::string, at::Tensor> by_name;
  for (const nn::NamedTensor& each : start) by_name[each.name] = each.tensor;
  const at::NoGradGuard no_gradient;
  for (const nn::NamedTensor& each : start_) {
    const auto found = by_name.find(each.name);
    AFFINIS_CHECK(found != by_name.end() && found->second.sizes() == each.tensor.sizes(), ErrorCode::kData,
                  "the weights that the training began with lack '{}' or have it in another shape; they belong to another network", each.name);
    each.tensor.copy_(found->second);
  }
}

void Regularisers::set_attention(const std::vector<at::Tensor>& attention) {
  attention_.clear();
  for (const at::Tensor& each : attention) attention_.push_back(each.to(device_of(network_), at::kFloat));
}

std::vector<nn::NamedTensor> Regularisers::attention() const {
  std::vector<nn::NamedTensor> result;
  for (std::size_t i = 0; i < attention_.size(); ++i) result.push_back({std::to_string(i), attention_[i]});
  return result;
}

void Regularisers::load_attention(const std::vector<nn::NamedTensor>& attention) {
  std::vector<at::Tensor> maps(attention.size());
  for (const nn::NamedTensor& each : attention) {
    std::size_t i = 0;
    while (i < maps.size() && each.name != std::to_string(i)) ++i;
    AFFINIS_CHECK(i < maps.size() && !maps[i].defined(), ErrorCode::kData,
                  "there are weights of the channels of {} maps, but one is of map '{}'; they belong to another network",
                  maps.size(), each.name);
    maps[i] = each.tensor;
  }
  if (supervised_) set_attention(maps);
}

std::vector<at::Tensor> Regularisers::channel_weights() const {
  std::vector<at::Tensor> weights;
  if (attention_.empty()) return weights;
  // Every pass through the trunk showed all its stages.
  const std::size_t stages = attention_.size() - 1;
  AFFINIS_CHECK(maps_.size() == stages * representations_.size(), ErrorCode::kInternal, "{} passes through the trunk showed {} maps, but {} stages were weighed",
                representations_.size(), maps_.size(), stages);
  for (std::size_t i = 0; i < maps_.size(); ++i) weights.push_back(attention_[i % stages]);
  for (const at::Tensor& each : representations_) {
    // Of several images of an example side by side each has the same channels.
    const at::Tensor& one = attention_.back();
    const std::int64_t images = std::max<std::int64_t>(1, each.size(1) / one.size(0));
    weights.push_back(images == 1 ? one : one.repeat({images}) / static_cast<double>(images));
  }
  return weights;
}

void Regularisers::exchange() {
  std::map<std::string, at::Tensor*> start;
  for (nn::NamedTensor& each : start_) start[each.name] = &each.tensor;
  for (nn::NamedTensor& each : of_trunk(network_.state())) {
    at::Tensor& other = *start.at(each.name);
    const at::Tensor own = each.tensor.tensor_data();
    each.tensor.set_data(other);
    other = own;
  }
}

void Regularisers::record(std::vector<at::Tensor>* maps, std::vector<at::Tensor>* representations) {
  network_.record_representations(representations);
  auto* stages = dynamic_cast<nn::StageMaps*>(network_.trunk());
  if (stages != nullptr) stages_ = stages->record_stages(maps);
}

void Regularisers::before_forward(const std::vector<at::Tensor>& inputs) {
  if (!through_graph()) return;
  maps_.clear();
  representations_.clear();
  start_maps_.clear();
  if (measures_delta()) {
    const at::NoGradGuard no_gradient;
    const bool training = network_.training();
    std::vector<at::Tensor> last;
    record(&start_maps_, &last);
    network_.set_training(false);
    exchange();
    try {
      // The passes that forward_all() will make, in its order.
      for (std::size_t head = 0; head < inputs.size(); ++head) {
        bool seen = !inputs[head].defined();
        for (std::size_t earlier = 0; earlier < head && !seen; ++earlier) {
          seen = inputs[earlier].defined() && is_same_input(inputs[earlier], inputs[head]);
        }
        if (!seen) static_cast<void>(network_.encode(inputs[head]));
      }
    } catch (...) {
      exchange();
      network_.set_training(training);
      throw;
    }
    exchange();
    network_.set_training(training);
    start_maps_.insert(start_maps_.end(), last.begin(), last.end());
  }
  record(&maps_, &representations_);
}

void Regularisers::before_backward() {
  if (!through_graph()) return;
  record(nullptr, nullptr);
  gradients_.clear();
  learning_.clear();
  last_delta_ = 0;
  last_bss_ = 0;
  if (representations_.empty()) return;
  at::Tensor total;
  const auto add = [&](const at::Tensor& term) { total = total.defined() ? total + term : term; };
  if (measures_delta()) {
    const std::vector<at::Tensor> weights = channel_weights();
    std::vector<at::Tensor> maps = maps_;
    maps.insert(maps.end(), representations_.begin(), representations_.end());
    const at::Tensor term = delta_distance(maps, start_maps_, weights) * delta_;
    last_delta_ = term.item<double>();
    add(term);
  }
  if (bss_ > 0) {
    at::Tensor terms;
    for (const at::Tensor& each : representations_) {
      const at::Tensor term = smallest_singular_values(each.to(at::kFloat).flatten(1), bss_count_) * bss_;
      terms = terms.defined() ? terms + term : term;
    }
    last_bss_ = terms.item<double>();
    add(terms);
  }
  maps_.clear();
  start_maps_.clear();
  representations_.clear();
  if (!total.defined() || !total.requires_grad()) return;
  std::vector<at::Tensor> parameters;
  for (const nn::NamedTensor& each : of_trunk(network_.parameters())) {
    if (!each.tensor.requires_grad()) continue;
    learning_.push_back(each);
    parameters.push_back(each.tensor);
  }
  if (parameters.empty()) return;
  gradients_ = torch::autograd::grad({total}, parameters, {}, /*retain_graph=*/true, /*create_graph=*/false, /*allow_unused=*/true);
}

void Regularisers::add_gradients() {
  if (!active()) return;
  const at::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < gradients_.size(); ++i) {
    const at::Tensor& parameter = learning_[i].tensor;
    if (gradients_[i].defined() && parameter.grad().defined()) parameter.mutable_grad().add_(gradients_[i]);
  }
  gradients_.clear();
  std::map<std::string, at::Tensor> start;
  for (const nn::NamedTensor& each : start_) start[each.name] = each.tensor;
  for (const nn::NamedTensor& each : network_.parameters()) {
    if (!each.tensor.grad().defined() || !each.tensor.requires_grad()) continue;
    const bool trunk = each.name.starts_with(kTrunk);
    if (trunk && l2_sp_ > 0) each.tensor.mutable_grad().add_(each.tensor - start.at(each.name), l2_sp_);
    if (!trunk && l2_new_ > 0) each.tensor.mutable_grad().add_(each.tensor, l2_new_);
  }
}

}  // namespace affinis::train
