#include "framework/nn/module.h"

#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/networks.h"

namespace affinis::nn {
namespace {

using testing::HasSubstr;

std::map<std::string, at::Tensor> copies_of(const Module& module) {
  std::map<std::string, at::Tensor> result;
  for (const NamedTensor& entry : state_of(module)) result[entry.name] = entry.tensor.detach().clone();
  return result;
}

bool same(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    if (!b.contains(name) || !at::equal(tensor, b.at(name))) return false;
  }
  return true;
}

TEST(Initialise, DependsOnSeedAndNameAlone) {
  const std::unique_ptr<Module> first = make_encoder({.width = 4});
  initialise(*first, 7);
  const auto values = copies_of(*first);

  at::randn({1000});  // LibTorch's global generator moves on
  const std::unique_ptr<Module> between = make_dense_decoder({.width = 4});
  initialise(*between, 7);
  const std::unique_ptr<Module> second = make_encoder({.width = 4});
  EXPECT_TRUE(same(copies_of(*second), copies_of(*make_encoder({.width = 4}))));
  EXPECT_FALSE(same(values, copies_of(*second)));
  initialise(*second, 7);
  EXPECT_TRUE(same(values, copies_of(*second)));
  initialise(*second, 8);
  EXPECT_FALSE(same(values, copies_of(*second)));
}

TEST(Initialise, SharedNamesGetSharedValuesInNetworksOfDifferentEnds) {
  const auto narrow = copies_of(*make_dense_decoder({.output_channels = 1, .width = 4}));
  const auto wide = copies_of(*make_dense_decoder({.output_channels = 5, .width = 4}));
  EXPECT_TRUE(at::equal(narrow.at("layer3.conv.weight"), wide.at("layer3.conv.weight")));
}

TEST(Initialise, IsHeNormalOverTheOutputs) {
  const auto values = copies_of(*make_dense_decoder({}));
  const auto deviation = [&](const std::string& name) { return values.at(name).std().item<double>(); };
  EXPECT_NEAR(deviation("layer3.conv.weight"), std::sqrt(2.0 / (1024 * 9)), 1e-4);
  EXPECT_NEAR(deviation("layer7.conv.weight"), std::sqrt(2.0 / (128 * 9)), 1e-3);
  EXPECT_NEAR(deviation("layer8.conv.weight"), std::sqrt(2.0 / (64 * 9)), 1e-3);  // transposed: 128 -> 64
  EXPECT_NEAR(values.at("layer3.conv.weight").mean().item<double>(), 0.0, 1e-4);
  EXPECT_TRUE(at::equal(values.at("layer3.bn.weight"), at::ones({1024})));
  EXPECT_TRUE(at::equal(values.at("layer3.bn.bias"), at::zeros({1024})));
  EXPECT_TRUE(at::equal(values.at("output.bias"), at::zeros({1})));
}

TEST(Initialise, VectorHeadIsTruncatedNormal) {
  const auto values = copies_of(*make_vector_head({.input_features = 512, .outputs = 64, .hidden = 512}));
  const at::Tensor weight = values.at("hidden1.weight");
  EXPECT_LE(weight.abs().max().item<double>(), 0.02 + 1e-8);
  EXPECT_GT(weight.abs().max().item<double>(), 0.0199);
  EXPECT_NEAR(weight.std().item<double>(), 0.01 * 0.87963, 5e-5);  // a normal's deviation, truncated at two
  EXPECT_NEAR(weight.mean().item<double>(), 0.0, 1e-4);
}

TEST(Initialise, ResetsRunningStatistics) {
  const std::unique_ptr<Module> module = make_encoder({.width = 2});
  const auto before = copies_of(*module);
  module->set_training(true);
  module->forward(at::randn({2, 3, 32, 32}));
  EXPECT_FALSE(same(before, copies_of(*module)));
  initialise(*module, 0);
  EXPECT_TRUE(same(before, copies_of(*module)));
}

TEST(LoadState, CopiesByNameUnderAPrefix) {
  const std::unique_ptr<Module> source = make_dense_decoder({.width = 4});
  initialise(*source, 3);
  std::vector<NamedTensor> state = state_of(*source, "heads.depth.");
  EXPECT_EQ(state.front().name.rfind("heads.depth.layer2.", 0), 0U);
  std::reverse(state.begin(), state.end());
  state.push_back({"trunk.conv1.weight", at::ones({1})});
  const std::unique_ptr<Module> target = make_dense_decoder({.width = 4});
  load_state(*target, state, "heads.depth.");
  EXPECT_TRUE(same(copies_of(*source), copies_of(*target)));
}

TEST(LoadState, KeepsHandlesOfParametersAndTheirGradients) {
  const std::unique_ptr<Module> module = make_vector_head({.input_features = 4, .hidden = 4});
  const at::Tensor handle = module->parameters().at(0).tensor;
  std::vector<NamedTensor> state;
  for (const NamedTensor& entry : state_of(*module)) state.push_back({entry.name, at::full_like(entry.tensor, 2).detach()});
  load_state(*module, state);
  EXPECT_EQ(handle.min().item<double>(), 2.0);
  EXPECT_TRUE(handle.requires_grad() && handle.is_leaf());
}

TEST(LoadState, ConvertsHalfPrecisionAndForgivesMissingBatchCounters) {
  const std::unique_ptr<Module> source = make_encoder({.width = 2});
  initialise(*source, 5);
  std::vector<NamedTensor> state;
  for (const NamedTensor& entry : state_of(*source)) {
    if (entry.name.ends_with("num_batches_tracked")) continue;
    state.push_back({entry.name, entry.tensor.detach().to(at::kHalf)});
  }
  const std::unique_ptr<Module> target = make_encoder({.width = 2});
  load_state(*target, state);
  EXPECT_TRUE(at::allclose(copies_of(*target).at("conv1.weight"), copies_of(*source).at("conv1.weight"), 1e-3, 1e-4));
}

TEST(LoadState, NamesEveryProblemAtOnceAndChangesNothing) {
  const std::unique_ptr<Module> module = make_vector_head({.input_features = 4, .hidden = 4});
  const auto before = copies_of(*module);
  std::vector<NamedTensor> state;
  for (const NamedTensor& entry : state_of(*module)) state.push_back({entry.name, at::full_like(entry.tensor, 2).detach()});
  for (NamedTensor& entry : state) {
    if (entry.name == "hidden1.weight") entry.name = "hiden1.weight";
    if (entry.name == "bn1.weight") entry.tensor = at::ones({5});
    if (entry.name == "bn1.running_var") entry.tensor = at::ones({4}, at::kLong);
  }
  state.push_back({"output.bias", at::zeros({1})});
  state.push_back({"output.scale", at::Tensor()});
  try {
    load_state(*module, state);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.sentence(), HasSubstr("'hidden1.weight' is missing, did you mean 'hiden1.weight'"));
    EXPECT_THAT(error.sentence(), HasSubstr("'hiden1.weight' is unexpected, did you mean 'hidden1.weight'"));
    EXPECT_THAT(error.sentence(), HasSubstr("'bn1.weight' has shape [5] and should have [4]"));
    EXPECT_THAT(error.sentence(), HasSubstr("'bn1.running_var' has type Long"));
    EXPECT_THAT(error.sentence(), HasSubstr("'output.bias' is given twice"));
    EXPECT_THAT(error.sentence(), HasSubstr("'output.scale' is unexpected"));
  }
  EXPECT_TRUE(same(before, copies_of(*module)));
}

}  // namespace
}  // namespace affinis::nn
