#include "framework/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/train/detail/adam.h"

namespace affinis::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

// Fixed lanes make the sum the same on every machine, and let a compiler vectorise it without leave to reorder.
double sum_of_squares(const float* values, std::int64_t count) {
  constexpr std::int64_t kLanes = 32;
  constexpr std::int64_t kBlock = 64 * kLanes;
  double total = 0;
  std::int64_t i = 0;
  while (i + kLanes <= count) {
    float lanes[kLanes] = {};
    const std::int64_t end = std::min(count - count % kLanes, i + kBlock);
    for (; i < end; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane] * values[i + lane];
    }
    for (const float each : lanes) total += each;
  }
  for (; i < count; ++i) total += static_cast<double>(values[i]) * values[i];
  return total;
}

double sum_of_squares(const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_non_overlapping_and_dense()) {
    return sum_of_squares(tensor.const_data_ptr<float>(), tensor.numel());
  }
  const at::Tensor wide = tensor.to(at::kDouble);
  return (wide * wide).sum().item<double>();
}

/// Whether these are float32 on the CPU and lie alike in memory, without gaps.
bool lie_alike(std::initializer_list<at::Tensor> tensors) {
  const at::Tensor& first = *tensors.begin();
  return std::all_of(tensors.begin(), tensors.end(), [&](const at::Tensor& each) {
    return each.is_cpu() && each.scalar_type() == at::kFloat && each.is_non_overlapping_and_dense() && each.strides() == first.strides();
  });
}

}  // namespace

Optimizer::Optimizer(const TrainerOptions& options, const std::vector<nn::NamedTensor>& parameters)
    : Optimizer(options, std::vector<ParameterGroup>{{"all", parameters, 1, options.weight_decay, false}}) {}

Optimizer::Optimizer(const TrainerOptions& options, const std::vector<ParameterGroup>& groups)
    : adam_(options.optimizer == "adam"), momentum_(options.momentum) {
  at::NoGradGuard no_gradient;
  for (const ParameterGroup& group : groups) {
    if (group.frozen) continue;
    std::size_t kind = 0;
    while (kind < kinds_.size() && (kinds_[kind].rate != group.rate || kinds_[kind].weight_decay != group.weight_decay)) ++kind;
    if (kind == kinds_.size()) kinds_.push_back({group.rate, group.weight_decay});
    for (const nn::NamedTensor& each : group.parameters) {
      if (!each.tensor.requires_grad()) continue;
      parameters_.push_back(each);
      kind_of_.push_back(kind);
      if (adam_ || momentum_ > 0) first_.push_back(at::zeros_like(each.tensor));
      if (adam_) second_.push_back(at::zeros_like(each.tensor));
    }
  }
  const auto count = static_cast<std::int64_t>(parameters_.size());
  steps_ = at::zeros({count}, parameters_.empty() ? at::TensorOptions() : at::TensorOptions(parameters_.front().tensor.device()));
  for (std::int64_t i = 0; i < count; ++i) step_of_.push_back(steps_.select(0, i));
}

void Optimizer::zero_gradients() {
  for (const nn::NamedTensor& each : parameters_) each.tensor.mutable_grad().reset();
}

double Optimizer::gradient_norm() const {
  at::NoGradGuard no_gradient;
  double total = 0;
  std::vector<at::Tensor> elsewhere;
  for (const nn::NamedTensor& each : parameters_) {
    const at::Tensor& gradient = each.tensor.grad();
    if (!gradient.defined()) continue;
    if (gradient.is_cpu()) {
      total += sum_of_squares(gradient);
    } else {
      elsewhere.push_back(gradient);
    }
  }
  if (!elsewhere.empty()) {
    const double norm = at::stack(at::_foreach_norm(elsewhere)).norm().item<double>();
    total += norm * norm;
  }
  return std::sqrt(total);
}

void Optimizer::scale_gradients(double factor) {
  at::NoGradGuard no_gradient;
  for (const nn::NamedTensor& each : parameters_) {
    if (each.tensor.grad().defined()) each.tensor.mutable_grad().mul_(factor);
  }
}

std::string Optimizer::first_bad_gradient() const {
  at::NoGradGuard no_gradient;
  for (const nn::NamedTensor& each : parameters_) {
    if (each.tensor.grad().defined() && !at::isfinite(each.tensor.grad()).all().item<bool>()) return each.name;
  }
  return {};
}

void Optimizer::step(double learning_rate) {
  at::NoGradGuard no_gradient;
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    std::vector<at::Tensor> parameters, gradients, first, second, steps;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (kind_of_[i] != kind) continue;
      const at::Tensor& parameter = parameters_[i].tensor;
      at::Tensor gradient = parameter.grad();
      if (!gradient.defined() || !parameter.requires_grad()) continue;
      // The fused kernels walk the memory and trust that all of a parameter's tensors lie alike.
      if (gradient.strides() != parameter.strides()) gradient = at::empty_like(parameter).copy_(gradient);
      if (adam_ && at::get_num_threads() == 1 && steps_.is_cpu() && lie_alike({parameter, gradient, first_[i], second_[i]})) {
        // A view's add_() takes as long as a small tensor's whole step.
        float& steps_of_it = steps_.mutable_data_ptr<float>()[i];
        steps_of_it += 1;
        detail::step_adam({.rate = learning_rate * kinds_[kind].rate,
                           .weight_decay = kinds_[kind].weight_decay,
                           .beta1 = kBeta1,
                           .beta2 = kBeta2,
                           .epsilon = kEpsilon,
                           .step = static_cast<std::int64_t>(steps_of_it)},
                          parameter.numel(), parameter.mutable_data_ptr<float>(), gradient.const_data_ptr<float>(), first_[i].mutable_data_ptr<float>(),
                          second_[i].mutable_data_ptr<float>());
        continue;
      }
      parameters.push_back(parameter);
      gradients.push_back(std::move(gradient));
      if (!first_.empty()) first.push_back(first_[i]);
      if (!second_.empty()) second.push_back(second_[i]);
      steps.push_back(step_of_[i]);
      step_of_[i].add_(1);
    }
    if (parameters.empty()) continue;
    const double rate = learning_rate * kinds_[kind].rate;
    if (adam_) {
      at::_fused_adam_(parameters, gradients, first, second, {}, steps, rate, kBeta1, kBeta2, kinds_[kind].weight_decay, kEpsilon,
                       /*amsgrad=*/false, /*maximize=*/false);
    } else {
      at::_fused_sgd_(parameters, gradients, first, kinds_[kind].weight_decay, momentum_, rate, /*dampening=*/0, /*nesterov=*/false,
                      /*maximize=*/false, /*is_first_step=*/false);
    }
  }
}

std::vector<nn::NamedTensor> Optimizer::state() const {
  std::vector<nn::NamedTensor> result;
  for (std::size_t i = 0; i < first_.size(); ++i) result.push_back({(adam_ ? "first." : "momentum.") + parameters_[i].name, first_[i]});
  for (std::size_t i = 0; i < second_.size(); ++i) result.push_back({"second." + parameters_[i].name, second_[i]});
  result.push_back({"steps", steps_});
  return result;
}

void Optimizer::load_state(const std::vector<nn::NamedTensor>& state) {
  at::NoGradGuard no_gradient;
  std::map<std::string, at::Tensor> by_name;
  for (const nn::NamedTensor& each : state) by_name[each.name] = each.tensor;
  const std::vector<nn::NamedTensor> own = this->state();
  for (const nn::NamedTensor& each : own) {
    const auto found = by_name.find(each.name);
    AFFINIS_CHECK(found != by_name.end() && found->second.sizes() == each.tensor.sizes(), ErrorCode::kData,
                  "the optimiser's state lacks '{}' or has it in another shape; it belongs to another network", each.name);
  }
  for (const nn::NamedTensor& each : own) each.tensor.copy_(by_name.at(each.name));
}

}  // namespace affinis::train
