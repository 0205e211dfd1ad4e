#include "transfer/joint_task.h"

#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "transfer/job_kinds.h"

namespace affinis::transfer {
namespace {

using testing::HasSubstr;

/// Predicts the mean of its input; makes a mask when it is told to. Its loss is twice the mean of per_image_loss, so that one sees whose
/// loss() was asked.
class MeanTask : public task::Task {
 public:
  explicit MeanTask(bool masks, std::int64_t channels = 3) : masks_(masks) {
    info_.name = masks ? "masked_mean" : "mean";
    info_.input_channels = channels;
  }

  const task::TaskInfo& info() const override { return info_; }
  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    const auto value = static_cast<double>(samples.front().index);
    return {at::full({info_.input_channels, 2, 2}, value), at::full({1, 2, 2}, value), masks_ ? at::ones({1, 2, 2}) : at::Tensor()};
  }
  std::vector<std::int64_t> prediction_shape() const override { return {1, 2, 2}; }
  std::unique_ptr<nn::Module> make_head(const task::HeadInput&) const override { return nullptr; }
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    EXPECT_EQ(batch.mask.defined(), masks_);
    const at::Tensor errors = (prediction - batch.target).abs();
    if (!masks_) return errors.flatten(1).mean(1);
    return (errors * batch.mask).flatten(1).sum(1) / batch.mask.flatten(1).sum(1);
  }
  at::Tensor loss(const at::Tensor& prediction, const task::Batch& batch) const override { return 2 * Task::loss(prediction, batch); }
  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return nullptr; }
  data::Image picture_of_target(const at::Tensor&, const at::Tensor&) const override { return {}; }
  data::Image picture_of_prediction(const at::Tensor&) const override { return {}; }

 private:
  bool masks_;
  task::TaskInfo info_;
};

task::Batch batch_of(const task::Task& task, std::int64_t count) {
  std::vector<task::Example> examples;
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) {
    data::Sample sample;
    sample.index = i;
    RandomStream stream(1, "test");
    examples.push_back(task.example({&sample, 1}, stream));
    indices.push_back(i);
  }
  return task::collate(examples, indices);
}

std::set<std::int64_t> labelled(const task::Batch& batch) {
  std::set<std::int64_t> rows;
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    if (batch.mask[i].any().item<bool>()) rows.insert(i);
  }
  return rows;
}

TEST(JointTask, IsTheTaskItselfWhereNothingChanges) {
  const auto task = std::make_shared<const MeanTask>(false);
  EXPECT_EQ(make_joint_task(task, {3, 0, 1}), task);
}

TEST(JointTask, GreyIsShownInThreeEqualChannels) {
  const auto joined = make_joint_task(std::make_shared<const MeanTask>(false, 1), {3, 0, 1});
  EXPECT_EQ(joined->info().input_channels, 3);
  const task::Batch batch = batch_of(*joined, 2);
  EXPECT_EQ(batch.input.sizes(), (std::vector<std::int64_t>{2, 3, 2, 2}));
  EXPECT_TRUE(at::equal(batch.input[1], at::ones({3, 2, 2})));
}

TEST(JointTask, TakesTheShareOfLabelsAwayTheSameEveryTimeAndOthersForAnotherTaskOrSeed) {
  constexpr std::int64_t kImages = 600;
  const auto with = [](bool masks, std::int64_t seed) { return make_joint_task(std::make_shared<const MeanTask>(masks), {3, 0.3, seed}); };
  const std::set<std::int64_t> kept = labelled(batch_of(*with(false, 1), kImages));
  EXPECT_NEAR(static_cast<double>(kept.size()), 0.7 * kImages, 4 * std::sqrt(0.21 * kImages));
  EXPECT_EQ(labelled(batch_of(*with(false, 1), kImages)), kept);
  EXPECT_NE(labelled(batch_of(*with(false, 2), kImages)), kept);
  EXPECT_NE(labelled(batch_of(*with(true, 1), kImages)), kept);
}

TEST(JointTask, LossAndGradientAreThoseOfTheLabelledImagesAlone) {
  for (const bool masks : {false, true}) {
    const auto plain = std::make_shared<const MeanTask>(masks);
    const auto joined = make_joint_task(plain, {3, 0.5, 1});
    const task::Batch batch = batch_of(*joined, 16);
    const std::set<std::int64_t> kept = labelled(batch);
    ASSERT_TRUE(!kept.empty() && kept.size() < 16);
    at::Tensor prediction = at::rand({16, 1, 2, 2}, at::kFloat).set_requires_grad(true);
    const at::Tensor loss = joined->loss(prediction, batch);
    double expected = 0;
    const at::Tensor each = joined->per_image_loss(prediction, batch);
    for (std::int64_t i = 0; i < 16; ++i) {
      EXPECT_EQ(std::isnan(each[i].item<double>()), !kept.contains(i));
      if (kept.contains(i)) expected += 2 * (prediction[i] - batch.target[i]).abs().mean().item<double>() / static_cast<double>(kept.size());
    }
    EXPECT_NEAR(loss.item<double>(), expected, 1e-4 * expected);
    loss.backward();
    for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(prediction.grad()[i].abs().sum().item<double>() > 0, kept.contains(i));
  }
}

TEST(JointTask, ABatchWithoutAnyLabelHasALossOfZeroAndAGradientOfZero) {
  const auto joined = make_joint_task(std::make_shared<const MeanTask>(false), {3, 0.5, 1});
  task::Batch batch = batch_of(*joined, 4);
  batch.mask = at::zeros_like(batch.mask);
  at::Tensor prediction = at::rand({4, 1, 2, 2}).set_requires_grad(true);
  const at::Tensor loss = joined->loss(prediction, batch);
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(prediction.grad().abs().sum().item<double>(), 0);
}

TEST(JointTask, WhoCannotShareIsNamed) {
  task::TaskInfo colour;
  colour.name = "colour";
  task::TaskInfo grey = colour;
  grey.name = "grey";
  grey.input_channels = 1;
  task::TaskInfo wide = colour;
  wide.name = "wide";
  wide.input_channels = 4;
  task::TaskInfo drawn = colour;
  drawn.name = "drawn";
  drawn.encoder_learns = false;
  EXPECT_EQ(shared_input_channels(std::vector{colour, grey}), 3);
  EXPECT_EQ(shared_input_channels(std::vector{grey, grey}), 1);
  EXPECT_EQ(shared_input_channels(std::vector{wide, wide}), 4);
  for (const task::TaskInfo& other : {wide, drawn}) {
    try {
      shared_input_channels(std::vector{colour, other});
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("'" + other.name + "'"));
    }
  }
}

TEST(JointSpec, SurvivesJsonAndLeavesOutWhatMeansNothing) {
  JointSpec spec;
  spec.study.scale = {"", 64, 16};
  spec.tasks = {"edge2d", "rgb2depth"};
  spec.trainer.balance.balancer = "gradnorm";
  spec.trainer.learning_rate = 0.1 + 0.2;
  spec.missing_labels = 0.3;
  spec.missing_seed = 7;
  EXPECT_EQ(to_json(joint_spec_from_json(to_json(spec))), to_json(spec));
  JointSpec other = spec;
  other.missing_labels = 0;
  JointSpec third = other;
  third.missing_seed = 8;
  EXPECT_EQ(to_json(other), to_json(third));
  EXPECT_NE(to_json(other), to_json(spec));
  spec.trainer.balance.balancer = "fixed";
  EXPECT_FALSE(to_json(spec).at("trainer").contains("balance"));
}

}  // namespace
}  // namespace affinis::transfer
