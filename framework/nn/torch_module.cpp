#include "framework/nn/detail/torch_module.h"

#include <set>

#include <c10/util/StringUtil.h>

namespace affinis::nn::detail {
namespace {

std::vector<NamedTensor> listed(const torch::OrderedDict<std::string, torch::Tensor>& tensors) {
  std::vector<NamedTensor> result;
  result.reserve(tensors.size());
  for (const auto& item : tensors) result.push_back({item.key(), item.value()});
  return result;
}

}  // namespace

void rethrow_as_error(const c10::Error& error, const torch::nn::Module& module, const at::Tensor& input) {
  const bool out_of_memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr;
  const std::string_view message = error.what_without_backtrace();
  const std::string first_line(message.substr(0, message.find('\n')));
  if (out_of_memory) fail(ErrorCode::kDevice, "no memory left for the network ({}); use a smaller batch or scale", first_line);
  fail(ErrorCode::kData, "the module {} cannot take an input of shape {}: {}", module.name(),
       input.defined() ? c10::str(input.sizes()) : std::string("none"), first_line);
}

void use_channels_last(torch::nn::Module& module) {
  for (torch::Tensor& parameter : module.parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.data().contiguous(at::MemoryFormat::ChannelsLast));
  }
}

InitialRule initial_rule_of(const torch::nn::Module& module, const std::string& parameter) {
  const std::size_t dot = parameter.find('.');
  if (dot == std::string::npos) {
    const auto* stating = dynamic_cast<const StatesInitialRule*>(&module);
    if (stating == nullptr) return {};
    const auto own = module.named_parameters(false);
    const torch::Tensor* value = own.find(parameter);
    return value == nullptr ? InitialRule{} : stating->initial_rule(parameter, *value);
  }
  const auto children = module.named_children();
  const auto* child = children.find(parameter.substr(0, dot));
  return child == nullptr ? InitialRule{} : initial_rule_of(**child, parameter.substr(dot + 1));
}

std::vector<NamedTensor> named_parameters_of(const torch::nn::Module& module) { return listed(module.named_parameters()); }

std::vector<NamedTensor> named_buffers_of(const torch::nn::Module& module) { return listed(module.named_buffers()); }

std::vector<std::shared_ptr<torch::nn::Module>> made_of(const torch::nn::Module& module, const std::vector<std::string>& parameters) {
  const std::set<std::string> names(parameters.begin(), parameters.end());
  std::vector<std::shared_ptr<torch::nn::Module>> result;
  for (const auto& item : module.named_modules()) {
    const auto own = item.value()->named_parameters();
    const std::string prefix = item.key().empty() ? "" : item.key() + ".";
    bool all = !own.is_empty();
    for (const auto& parameter : own) all = all && names.contains(prefix + parameter.key());
    if (all) result.push_back(item.value());
  }
  return result;
}

}  // namespace affinis::nn::detail
