#include "framework/nn/networks.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/stage_maps.h"

namespace affinis::nn {
namespace {

using testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

Shape output_shape(Module& module, const Shape& input) {
  const at::AutoGradMode no_grad(false);
  module.set_training(false);
  return module.forward(at::zeros(input)).sizes().vec();
}

TEST(Scale, IsFoundByName) {
  EXPECT_EQ(scale_by_name("paper").image_side, 256);
  EXPECT_EQ(scale_by_name("paper").width, 64);
  EXPECT_EQ(scale_by_name("desk").image_side, 64);
  EXPECT_EQ(scale_by_name("desk").width, 16);
  EXPECT_THROW(scale_by_name("poster"), Error);
}

TEST(Encoder, HasThePapersParameterCount) {
  EXPECT_EQ(parameter_count(*make_encoder({})), 23'655'504);
  EXPECT_EQ(parameter_count(*make_encoder({.stride = StridePlacement::kFirstUnit})), 23'655'504);
}

TEST(Encoder, DividesTheSideBySixteen) {
  for (const StridePlacement stride : {StridePlacement::kLastUnit, StridePlacement::kFirstUnit}) {
    const std::unique_ptr<Module> desk = make_encoder({.width = 16, .stride = stride});
    EXPECT_EQ(output_shape(*desk, {2, 3, 64, 64}), (Shape{2, 8, 4, 4}));
    EXPECT_EQ(output_shape(*desk, {1, 3, 256, 256}), (Shape{1, 8, 16, 16}));
    EXPECT_EQ(output_shape(*desk, {1, 3, 32, 96}), (Shape{1, 8, 2, 6}));
  }
  EXPECT_EQ(output_shape(*make_encoder({.input_channels = 1, .width = 8, .representation_channels = 5}), {1, 1, 64, 64}),
            (Shape{1, 5, 4, 4}));
}

TEST(Encoder, RefusesAnImageOfOtherChannelsInOneSentence) {
  const std::unique_ptr<Module> module = make_encoder({.width = 4});
  try {
    module->forward(at::zeros({1, 4, 64, 64}));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.sentence(), HasSubstr("[1, 4, 64, 64]"));
    EXPECT_EQ(error.sentence().find('\n'), std::string::npos);
  }
  EXPECT_THROW(make_encoder({.width = 0}), Error);
}

TEST(StageMaps, GoOnFromAnyStageAsTheWholePassDoes) {
  const at::AutoGradMode no_grad(false);
  const at::Tensor image = at::arange(2 * 3 * 32 * 32, at::kFloat).mul(0.013).sin().view({2, 3, 32, 32});
  std::vector<std::unique_ptr<Module>> modules;
  for (const StridePlacement stride : {StridePlacement::kLastUnit, StridePlacement::kFirstUnit}) {
    modules.push_back(make_encoder({.width = 4, .stride = stride}));
    modules.push_back(make_resnet50(7, stride));
  }
  for (const std::unique_ptr<Module>& module : modules) {
    module->set_training(false);
    auto& stages = dynamic_cast<StageMaps&>(*module);
    std::vector<at::Tensor> maps;
    ASSERT_TRUE(stages.record_stages(&maps));
    const at::Tensor whole = module->forward(image);
    stages.record_stages(nullptr);
    ASSERT_EQ(maps.size(), 4u);
    for (std::size_t stage = 0; stage < 4; ++stage) {
      EXPECT_TRUE(at::equal(stages.forward_from(stage, maps[stage]), whole)) << stage;
      EXPECT_FALSE(at::equal(stages.forward_from(stage, maps[stage] * 0.5 + 0.5), whole)) << stage;
    }
  }
  const std::unique_ptr<Module> head = make_vector_head({.input_features = 4, .outputs = 2, .hidden = 3});
  auto& none = dynamic_cast<StageMaps&>(*head);
  EXPECT_FALSE(none.record_stages(nullptr));
  EXPECT_THROW(none.forward_from(0, image), Error);
}

TEST(DenseDecoder, HasThePapersParameterCounts) {
  EXPECT_EQ(parameter_count(*make_dense_decoder({})), 16'453'009);
  EXPECT_EQ(parameter_count(*make_dense_decoder({.output_channels = 3})), 16'453'299);
  EXPECT_EQ(parameter_count(*make_dense_decoder({.input_channels = 16})), 16'526'737);
}

TEST(DenseDecoder, GivesBackTheImagesSide) {
  const std::unique_ptr<Module> module = make_dense_decoder({.output_channels = 3, .width = 16});
  EXPECT_EQ(output_shape(*module, {2, 8, 4, 4}), (Shape{2, 3, 64, 64}));
  EXPECT_EQ(output_shape(*module, {1, 8, 16, 16}), (Shape{1, 3, 256, 256}));
  EXPECT_EQ(output_shape(*module, {1, 8, 1, 3}), (Shape{1, 3, 16, 48}));
}

TEST(DenseDecoder, OnlyTanhBoundsTheOutput) {
  const at::Tensor input = at::full({1, 8, 4, 4}, 1000.0);
  for (const OutputActivation output : {OutputActivation::kTanh, OutputActivation::kLinear}) {
    const std::unique_ptr<Module> module = make_dense_decoder({.width = 8, .output = output});
    module->set_training(false);
    const double largest = module->forward(input).abs().max().item<double>();
    EXPECT_EQ(largest <= 1.0, output == OutputActivation::kTanh) << largest;
  }
}

TEST(QuarterDecoder, GivesAQuarterOfTheImagesSide) {
  EXPECT_EQ(output_shape(*make_quarter_decoder({.width = 16}), {2, 8, 4, 4}), (Shape{2, 313, 16, 16}));
  EXPECT_EQ(output_shape(*make_quarter_decoder({.output_channels = 7, .width = 4}), {1, 8, 16, 16}), (Shape{1, 7, 64, 64}));
}

TEST(VectorHead, TakesRepresentationsAndVectors) {
  const std::unique_ptr<Module> module = make_vector_head({.input_features = 128, .outputs = 9, .hidden = 32});
  EXPECT_EQ(output_shape(*module, {2, 8, 4, 4}), (Shape{2, 9}));
  EXPECT_EQ(output_shape(*module, {2, 128}), (Shape{2, 9}));
  EXPECT_EQ(parameter_count(*module), 128 * 32 + 2 * 32 + 32 * 9 + 9);
  EXPECT_EQ(parameter_count(*make_vector_head({.input_features = 128, .outputs = 9, .hidden = 32, .batch_norm = false})),
            128 * 32 + 32 + 32 * 9 + 9);
  EXPECT_EQ(parameter_count(*make_vector_head({.input_features = 128, .outputs = 9, .layers = 1})), 128 * 9 + 9);
  EXPECT_THROW(make_vector_head({.dropout = 1.0}), Error);
  EXPECT_THROW(make_vector_head({.layers = 0}), Error);
}

TEST(VectorHead, DropsOutInTrainingOnly) {
  const std::unique_ptr<Module> module =
      make_vector_head({.input_features = 64, .outputs = 4, .hidden = 64, .batch_norm = false});
  const at::Tensor input = at::ones({3, 64});
  module->set_training(true);
  EXPECT_FALSE(at::equal(module->forward(input), module->forward(input)));
  module->set_training(false);
  EXPECT_TRUE(at::equal(module->forward(input), module->forward(input)));
}

TEST(Constant, IsTheSameForEveryInputAndLearns) {
  const std::unique_ptr<Module> module = make_constant({2, 3});
  const at::Tensor output = module->forward(at::randn({4, 8, 2, 2}));
  EXPECT_EQ(output.sizes(), (Shape{4, 2, 3}));
  EXPECT_EQ(output.abs().max().item<double>(), 0.0);
  output.sum().backward();
  EXPECT_TRUE(at::equal(module->parameters().at(0).tensor.grad(), at::full({2, 3}, 4.0)));
  EXPECT_THROW(make_constant({2, 0}), Error);
}

}  // namespace
}  // namespace affinis::nn
