#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/nn/networks.h"
#include "framework/train/policy.h"
#include "framework/train/start.h"
#include "tests/framework/train/tiny_trunk.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<nn::NamedTensor> without(std::vector<nn::NamedTensor> tensors, const std::string& prefix) {
  std::erase_if(tensors, [&](const nn::NamedTensor& each) { return each.name.starts_with(prefix); });
  return tensors;
}

std::vector<nn::NamedTensor> renamed(std::vector<nn::NamedTensor> tensors, const std::string& from, const std::string& to) {
  for (nn::NamedTensor& each : tensors) {
    if (each.name.starts_with(from)) each.name = to + each.name.substr(from.size());
  }
  return tensors;
}

TEST(StartFrom, ANetworkOfTheSameTaskBringsItsHead) {
  const auto source = tiny_network(5);
  const auto network = tiny_network(1);
  const StartedFrom report = start_from(*network, source->state());
  EXPECT_EQ(bytes_of(network->state()), bytes_of(source->state()));
  EXPECT_THAT(report.left_out, IsEmpty());
  EXPECT_THAT(report.as_drawn, IsEmpty());
}

TEST(StartFrom, AnotherTasksHeadStaysAway) {
  const auto source = tiny_network(5);
  const auto network = tiny_network(1);
  const std::string head = bytes_under(*network, "heads.");
  const StartedFrom report = start_from(*network, renamed(source->state(), "heads.toy.", "heads.other."));
  EXPECT_EQ(bytes_under(*network, "trunk."), bytes_under(*source, "trunk."));
  EXPECT_EQ(bytes_under(*network, "heads."), head);
  EXPECT_EQ(report.left_out.size(), 8u);
}

TEST(StartFrom, AForeignEncoderBringsItsStagesAndWhatFollowsStaysAsDrawn) {
  const auto source = tiny_network(5);
  const auto network = tiny_network(1);
  const std::string top = bytes_under(*network, "trunk.compress");
  std::vector<nn::NamedTensor> weights = renamed(without(without(source->state(), "heads."), "trunk.compress"), "trunk.", "");
  weights.push_back({"fc.weight", at::zeros({2, 2})});
  const StartedFrom report = start_from(*network, weights);
  EXPECT_EQ(bytes_under(*network, "trunk.layer2."), bytes_under(*source, "trunk.layer2."));
  EXPECT_EQ(bytes_under(*network, "trunk.compress"), top);
  EXPECT_THAT(report.left_out, ElementsAre("fc.weight"));
  EXPECT_EQ(report.as_drawn.size(), 6u);
}

TEST(StartFrom, WhatAForeignEncoderDoesNotBringIsNeverFrozenForGood) {
  const auto source = tiny_network(5);
  const std::vector<nn::NamedTensor> weights = renamed(without(without(source->state(), "heads."), "trunk.compress"), "trunk.", "");
  for (const char* policy : {"all", "stages:4", "blocks:5"}) {
    const auto network = tiny_network(1);
    const StartedFrom report = start_from(*network, weights);
    TrainerOptions options;
    options.steps = 5;
    apply_policy(options.adaptation, policy);
    options.adaptation = without_drawn_parts(options.adaptation, *network, report);
    const std::string top = bytes_under(*network, "trunk.compress");
    const auto batches = make_tensor_source(tiny_set(), 4, true, 1);
    Logger logger;
    const TrainingResult result = train(*network, *batches, nullptr, options, {}, logger);
    EXPECT_NE(bytes_under(*network, "trunk.compress."), top) << policy;
    EXPECT_NE(bytes_under(*network, "trunk.compress_bn.running_mean"), bytes_under(*tiny_network(1), "trunk.compress_bn.running_mean")) << policy;
    EXPECT_EQ(bytes_under(*network, "trunk.layer2."), bytes_under(*source, "trunk.layer2.")) << policy;
    ASSERT_EQ(result.freeze_proof.size(), 1u) << policy;
    EXPECT_TRUE(result.freeze_proof.front().equal);
  }
  // With nothing missing, and for smaller counts, a policy stays what it is.
  const auto network = tiny_network(1);
  const StartedFrom whole = start_from(*network, source->state());
  AdaptationOptions all;
  apply_policy(all, "all");
  EXPECT_EQ(without_drawn_parts(all, *network, whole), all);
  const StartedFrom partly = start_from(*network, weights);
  AdaptationOptions two;
  apply_policy(two, "stages:2");
  EXPECT_EQ(without_drawn_parts(two, *network, partly), two);
}

TEST(StartFrom, TorchvisionsResNet50FitsTheEncodersStages) {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(4, 5, 3)});
  Network network(nn::make_encoder({.width = 64}), std::move(heads));
  const auto resnet = nn::make_resnet50(10);
  EXPECT_EQ(start_from(network, nn::state_of(*resnet)).loaded.size(), 318u);
}

TEST(StartFrom, WhatDoesNotFitIsListedWithTheNearestNames) {
  const auto network = tiny_network(1);
  const std::string before = bytes_of(network->state());
  const auto source = tiny_network(5);
  const std::string sentence = sentence_of([&] { start_from(*network, renamed(source->state(), "trunk.layer1.0.conv1.", "trunk.layer1.0.conv.")); });
  EXPECT_THAT(sentence, HasSubstr("'trunk.layer1.0.conv1.weight' is missing, did you mean 'trunk.layer1.0.conv.weight'"));
  EXPECT_THAT(sentence_of([&] { start_from(*network, {{"conv1.weight", at::zeros({4, 3, 3, 3})}}); }), HasSubstr("'trunk.bn1.weight' is missing"));
  EXPECT_THAT(sentence_of([&] { start_from(*network, {}); }), HasSubstr("nothing that a trunk begins with"));
  EXPECT_EQ(bytes_of(network->state()), before);
}

TEST(Policy, ShortNamesStandForSettings) {
  const auto made = [](const std::string& policy) {
    AdaptationOptions adaptation;
    apply_policy(adaptation, policy);
    return adaptation;
  };
  EXPECT_EQ(made("none"), AdaptationOptions());
  EXPECT_EQ(made("all").freeze, "all");
  EXPECT_EQ(made("stages:2").freeze_count, 2);
  EXPECT_EQ(made("blocks:5").freeze, "blocks");
  EXPECT_EQ(made("gradual").freeze, "gradual");
  EXPECT_EQ(made("lp-ft").probe, 0.5);
  for (const char* bad : {"stages", "stages:", "stages:0", "blocks:x", "all:2", "nothing"}) {
    EXPECT_FALSE(sentence_of([&] { made(bad); }).empty()) << bad;
  }
}

}  // namespace
}  // namespace affinis::train
