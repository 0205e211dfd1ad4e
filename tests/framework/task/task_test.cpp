#include "framework/task/task.h"

#include <cmath>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tests/framework/task/toy_task.h"
#include "tests/framework/task/values.h"

namespace affinis::task {
namespace {

using testing::floats;
using testing::normal_values;
using testing::toy_type;
using testing::ToyTask;

Example example_of(std::int64_t side, bool with_mask) {
  return {at::ones({3, side, side}), at::zeros({1, side, side}), with_mask ? at::ones({1, side, side}) : at::Tensor()};
}

TEST(Collate, StacksAndKeepsIndices) {
  const std::vector<Example> examples = {example_of(4, true), example_of(4, true)};
  const std::vector<std::int64_t> indices = {7, 3};
  const Batch batch = collate(examples, indices);
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.input.sizes(), at::IntArrayRef({2, 3, 4, 4}));
  EXPECT_EQ(batch.mask.sizes(), at::IntArrayRef({2, 1, 4, 4}));
  EXPECT_EQ(batch.indices, indices);
}

TEST(Collate, RefusesExamplesThatDoNotFitTogether) {
  const std::vector<std::int64_t> indices = {0, 1};
  EXPECT_THROW(collate(std::vector<Example>{example_of(4, true), example_of(4, false)}, indices), Error);
  EXPECT_THROW(collate(std::vector<Example>{example_of(4, true), example_of(8, true)}, indices), Error);
  EXPECT_THROW(collate(std::vector<Example>{example_of(4, true), Example{}}, indices), Error);
  EXPECT_THROW(collate(std::vector<Example>{example_of(4, true)}, indices), Error);
}

Batch toy_batch(const std::vector<float>& mask) {
  const auto count = static_cast<std::int64_t>(mask.size());
  return {{}, normal_values({count, 1}, 1), at::tensor(mask).view({count, 1}), {}};
}

TEST(DefaultLoss, IsTheMeanOverLabelledImages) {
  const ToyTask toy;
  const Batch batch = toy_batch({1, 0, 1});
  const at::Tensor prediction = normal_values({3, 1}, 2).set_requires_grad(true);
  const at::Tensor each = toy.per_image_loss(prediction, batch).detach();
  const at::Tensor loss = toy.loss(prediction, batch);
  EXPECT_NEAR(loss.item<double>(), (floats(each)[0] + floats(each)[2]) / 2, 1e-6);
  loss.backward();
  const at::Tensor slope = prediction.grad();
  const at::Tensor wanted = (prediction - batch.target).detach() * at::tensor(std::vector<float>{1, 0, 1}).view({3, 1});
  EXPECT_TRUE(at::allclose(slope, wanted)) << slope;
}

TEST(DefaultLoss, WithoutLabelsIsZeroWithAZeroGradient) {
  const ToyTask toy;
  const at::Tensor prediction = normal_values({3, 1}, 2).set_requires_grad(true);
  const at::Tensor loss = toy.loss(prediction, toy_batch({0, 0, 0}));
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_TRUE((prediction.grad() == 0).all().item<bool>());
}

TEST(DefaultLoss, ADivergedPredictionIsNotTakenForAMissingLabel) {
  const ToyTask toy;
  at::Tensor prediction = normal_values({3, 1}, 2);
  prediction[1][0] = std::nan("");
  EXPECT_TRUE(std::isnan(toy.loss(prediction, toy_batch({1, 1, 1})).item<double>()));
  prediction.fill_(std::nan(""));
  EXPECT_TRUE(std::isnan(toy.loss(prediction, toy_batch({0, 0, 0})).item<double>()));
}

TEST(RegisterTask, NamesAndAliases) {
  TaskRegistry registry("task");
  register_task(registry, toy_type("toy", {"plaything"}));
  EXPECT_EQ(registry.get("plaything")->info.name, "toy");
  EXPECT_THROW(register_task(registry, toy_type("other", {"toy"})), Error);
  EXPECT_THROW(register_task(registry, toy_type("")), Error);
  TaskType unmade = toy_type("unmade");
  unmade.make = nullptr;
  EXPECT_THROW(register_task(registry, unmade), Error);
  EXPECT_EQ(registry.names(), std::vector<std::string>{"toy"});
}

TEST(ImageInput, EndsOfTheRangeAreExact) {
  data::Sample sample = testing::red_samples(1).front();
  const auto pixels = sample.fields.find("rgb")->second.as<std::uint8_t>();
  pixels[0] = 0;
  pixels[1] = 255;
  pixels[2] = 51;
  const at::Tensor image = image_input(sample);
  EXPECT_EQ(image.sizes(), at::IntArrayRef({3, 64, 64}));
  EXPECT_EQ(floats(image)[0], -1.0F);
  EXPECT_EQ(floats(image)[64 * 64], 1.0F);
  EXPECT_FLOAT_EQ(floats(image)[2 * 64 * 64], -0.6F);
}

TEST(Pictures, ColoursMeanTheSameEverywhere) {
  const at::Tensor image = at::tensor(std::vector<float>{-1, 2, 0, 1, -1, -3}).view({3, 1, 2});
  const data::Image colour = colour_picture(image);
  ASSERT_EQ(colour.width, 2);
  EXPECT_EQ(std::vector<int>(colour.pixels.begin(), colour.pixels.end()), (std::vector<int>{0, 128, 0, 255, 255, 0}));

  const at::Tensor values = at::tensor(std::vector<float>{0, 5, 10, 99}).view({1, 2, 2});
  const at::Tensor mask = at::tensor(std::vector<float>{1, 1, 0, 1}).view({1, 2, 2});
  const data::Image grey = grey_picture(values, mask, 0, 10);
  EXPECT_EQ(grey.at(0, 0)[0], 0);
  EXPECT_EQ(grey.at(1, 0)[0], 128);
  EXPECT_EQ(grey.at(0, 1)[2], kUnlabelledColour[2]);
  EXPECT_EQ(grey.at(1, 1)[1], 255);

  std::uint8_t wanted[3];
  data::scalar_colour(0.5, wanted);
  EXPECT_EQ(scalar_picture(values, mask, 0, 10).at(1, 0)[1], wanted[1]);
  data::label_colour(4, wanted);
  EXPECT_EQ(label_picture(at::full({2, 2}, 3, at::kLong), {}, 1).at(0, 0)[0], wanted[0]);

  // Length does not matter: straight up in the image is -y.
  const data::Image normal = normal_picture(at::tensor(std::vector<float>{0, -0.01F, 0}).view({3, 1, 1}), {});
  EXPECT_EQ(normal.at(0, 0)[0], 128);
  EXPECT_EQ(normal.at(0, 0)[1], 0);
}

TEST(Pictures, RankedClassesShowTheLikeliestFirst) {
  const std::vector<double> shares = {0.1, 0.7, 0.2};
  const data::Image picture = ranked_classes_picture(shares, {"bedroom", "kitchen", "office"}, 64);
  ASSERT_EQ(picture.width, 64);
  std::uint8_t wanted[3];
  data::label_colour(1, wanted);
  EXPECT_EQ(picture.at(4, 16)[0], wanted[0]);
  data::label_colour(2, wanted);
  EXPECT_EQ(picture.at(4, 37)[0], wanted[0]);
}

}  // namespace
}  // namespace affinis::task
