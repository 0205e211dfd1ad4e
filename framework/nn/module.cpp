#include "framework/nn/module.h"

#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace affinis::nn {
namespace {

/// "conv1.weight" -> "weight".
std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string shape_text(const at::Tensor& tensor) {
  std::vector<std::string> sides;
  for (const std::int64_t side : tensor.sizes()) sides.push_back(std::to_string(side));
  return "[" + join(sides, ", ") + "]";
}

InitialRule default_rule(const NamedTensor& parameter) {
  if (parameter.tensor.dim() >= 2) {
    const std::int64_t inputs = parameter.tensor.size(1);
    const std::int64_t fan_out = inputs == 0 ? 0 : parameter.tensor.numel() / inputs;
    if (fan_out == 0) return {InitialRule::Kind::kConstant, 0};
    return {InitialRule::Kind::kNormal, std::sqrt(2.0 / static_cast<double>(fan_out))};
  }
  return {InitialRule::Kind::kConstant, last_part(parameter.name) == "weight" ? 1.0 : 0.0};
}

/// Standard normal values truncated at two deviations, by the inverse of the distribution function.
void fill_truncated(at::Tensor& values, at::Generator generator) {
  constexpr double kReach = 2.0;
  const double mass = std::erf(kReach / std::sqrt(2.0));
  values.uniform_(-mass, mass, std::move(generator)).erfinv_().mul_(std::sqrt(2.0)).clamp_(-kReach, kReach);
}

void fill(const NamedTensor& parameter, const InitialRule& rule, std::uint64_t seed) {
  at::Tensor target = parameter.tensor;
  if (rule.kind == InitialRule::Kind::kConstant) {
    target.fill_(rule.value);
    return;
  }
  at::Generator generator = at::detail::createCPUGenerator(derive_seed(seed, parameter.name));
  at::Tensor values = at::empty(target.sizes(), at::TensorOptions().dtype(at::kFloat));
  if (rule.kind == InitialRule::Kind::kTruncatedNormal) {
    fill_truncated(values, generator);
  } else {
    values.normal_(0.0, 1.0, generator);
  }
  target.copy_(values.mul_(rule.value));
}

void reset_statistics(const NamedTensor& buffer) {
  at::Tensor target = buffer.tensor;
  const std::string_view kind = last_part(buffer.name);
  if (kind == "running_mean" || kind == "num_batches_tracked") target.zero_();
  if (kind == "running_var") target.fill_(1.0);
}

/// The problems that keep `state` out of a module whose own state is `wanted`.
std::vector<std::string> problems_of(const std::map<std::string, at::Tensor>& wanted,
                                     const std::vector<NamedTensor>& state, const std::string& prefix) {
  std::vector<std::string> problems;
  std::set<std::string> given;
  std::vector<std::string> unexpected;
  for (const NamedTensor& entry : state) {
    if (!entry.name.starts_with(prefix)) continue;
    if (!given.insert(entry.name).second) {
      problems.push_back(fmt::format("'{}' is given twice", entry.name));
      continue;
    }
    const auto own = wanted.find(entry.name);
    if (own == wanted.end()) {
      unexpected.push_back(entry.name);
    } else if (!entry.tensor.defined()) {
      problems.push_back(fmt::format("'{}' holds no tensor", entry.name));
    } else if (entry.tensor.sizes() != own->second.sizes()) {
      problems.push_back(fmt::format("'{}' has shape {} and should have {}", entry.name, shape_text(entry.tensor),
                                     shape_text(own->second)));
    } else if (entry.tensor.is_floating_point() != own->second.is_floating_point()) {
      problems.push_back(fmt::format("'{}' has type {} and should have {}", entry.name,
                                     c10::toString(entry.tensor.scalar_type()), c10::toString(own->second.scalar_type())));
    }
  }
  std::vector<std::string> missing;
  for (const auto& [name, tensor] : wanted) {
    if (!given.contains(name) && last_part(name) != "num_batches_tracked") missing.push_back(name);
  }
  for (const std::string& name : missing) {
    problems.push_back(fmt::format("'{}' is missing{}", name, did_you_mean(name, unexpected)));
  }
  for (const std::string& name : unexpected) {
    problems.push_back(fmt::format("'{}' is unexpected{}", name, did_you_mean(name, missing)));
  }
  return problems;
}

}  // namespace

std::int64_t parameter_count(const Module& module) {
  std::int64_t count = 0;
  for (const NamedTensor& parameter : module.parameters()) count += parameter.tensor.numel();
  return count;
}

std::vector<NamedTensor> state_of(const Module& module, const std::string& prefix) {
  std::vector<NamedTensor> state = module.parameters();
  for (NamedTensor& buffer : module.buffers()) state.push_back(std::move(buffer));
  for (NamedTensor& entry : state) entry.name.insert(0, prefix);
  return state;
}

void load_state(Module& module, const std::vector<NamedTensor>& state, const std::string& prefix) {
  std::map<std::string, at::Tensor> wanted;
  for (NamedTensor& own : state_of(module, prefix)) wanted.emplace(std::move(own.name), std::move(own.tensor));
  const std::vector<std::string> problems = problems_of(wanted, state, prefix);
  AFFINIS_CHECK(problems.empty(), ErrorCode::kData,
                "the weights do not fit the network ({} {}): {}; load weights of the same network, width and channels",
                problems.size(), problems.size() == 1 ? "problem" : "problems", join(problems, "; "));
  const at::NoGradGuard no_grad;
  for (const NamedTensor& entry : state) {
    const auto own = wanted.find(entry.name);
    if (own != wanted.end()) own->second.copy_(entry.tensor);
  }
}

void initialise(Module& module, std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (const NamedTensor& parameter : module.parameters()) {
    InitialRule rule = module.initial_rule(parameter.name);
    if (rule.kind == InitialRule::Kind::kDefault) rule = default_rule(parameter);
    fill(parameter, rule, seed);
  }
  for (const NamedTensor& buffer : module.buffers()) reset_statistics(buffer);
}

}  // namespace affinis::nn
