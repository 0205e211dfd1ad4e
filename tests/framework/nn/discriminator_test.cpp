// The discriminator against plain PyTorch's; write_expected_discriminator.py made the values.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/discriminator.h"
#include "framework/nn/safetensors.h"

namespace affinis::nn {
namespace {

void expect_close(const at::Tensor& ours, const at::Tensor& theirs, double tolerance) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  const double scale = std::max(1e-12, theirs.abs().max().item<double>());
  EXPECT_LE((ours - theirs).abs().max().item<double>(), tolerance * scale) << "at a scale of " << scale;
}

void expect_parity(const std::string& name, const DiscriminatorOptions& options) {
  SCOPED_TRACE(name);
  std::map<std::string, at::Tensor> expected;
  std::vector<NamedTensor> state;
  for (const NamedTensor& each :
       read_safetensors(std::string(AFFINIS_SOURCE_DIR "/tests/framework/nn/expected/") + name + ".safetensors").tensors) {
    expected[each.name] = each.tensor;
    if (each.name.starts_with("state.")) state.push_back({each.name.substr(6), each.tensor});
  }
  const std::unique_ptr<Module> module = make_discriminator(options);
  load_state(*module, state);
  module->set_training(false);
  expect_close(module->forward(expected.at("input")).detach(), expected.at("eval"), 1e-5);

  module->set_training(true);
  at::Tensor input = expected.at("input").clone().requires_grad_(true);
  const at::Tensor output = module->forward(input);
  EXPECT_TRUE(output.is_contiguous());
  expect_close(output.detach(), expected.at("train"), 1e-5);
  (output * expected.at("probe")).sum().backward();
  expect_close(input.grad(), expected.at("grad.input"), 1e-5);
  int compared = 0;
  for (const NamedTensor& each : module->parameters()) {
    const auto gradient = expected.find("grad." + each.name);
    if (gradient == expected.end()) continue;
    SCOPED_TRACE(each.name);
    expect_close(each.tensor.grad(), gradient->second, 1e-5);
    ++compared;
  }
  EXPECT_EQ(compared, 10);
  for (const NamedTensor& each : module->buffers()) {
    SCOPED_TRACE(each.name);
    expect_close(each.tensor.to(at::kDouble), expected.at("after." + each.name).to(at::kDouble), 1e-5);
  }
}

TEST(Discriminator, EqualsPyTorch) {
  expect_parity("discriminator_16", {.input_channels = 3, .target_channels = 1, .side = 16, .width = 4});
  expect_parity("discriminator_64", {.input_channels = 1, .target_channels = 1, .side = 64, .width = 4});
}

TEST(Discriminator, JudgesFourByFourPatchesOrAsManyAsThePixelsGive) {
  const at::AutoGradMode no_grad(false);
  for (const auto& [side, patches] : std::map<std::int64_t, std::int64_t>{{256, 4}, {128, 4}, {64, 4}, {48, 6}, {32, 4}, {8, 4}, {3, 3}}) {
    const auto module = make_discriminator({.side = side, .width = 8});
    EXPECT_EQ(module->forward(at::zeros({2, 4, side, side})).sizes(), (std::vector<std::int64_t>{2, 1, patches, patches})) << side;
  }
}

TEST(Discriminator, HasTheOriginalsSizeAtItsWidth) {
  const std::int64_t convolutions = 25 * (4 * 64 + 64 * 128 + 128 * 256) + 16 * (256 * 512 + 512) + 64 + 1;
  EXPECT_EQ(parameter_count(*make_discriminator({})), convolutions + 2 * (128 + 256 + 512));
}

TEST(Discriminator, BeginsUndecided) {
  const at::AutoGradMode no_grad(false);
  at::manual_seed(3);
  for (const std::int64_t side : {64, 256}) {
    const auto module = make_discriminator({.side = side, .width = side / 4});
    const at::Tensor logits = module->forward(at::rand({4, 4, side, side}) * 2 - 1);
    EXPECT_LT(logits.abs().max().item<double>(), 4);
    EXPECT_GT(logits.std().item<double>(), 0.05);
  }
}

TEST(Discriminator, RefusesSizesBelowOne) {
  const std::vector<DiscriminatorOptions> refused = {{.input_channels = 0}, {.target_channels = 0}, {.side = 0}, {.width = 0}};
  for (const DiscriminatorOptions& options : refused) {
    try {
      make_discriminator(options);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(error.sentence().find("not "), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace affinis::nn
