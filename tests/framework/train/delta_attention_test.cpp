#include "framework/train/delta_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/nn/safetensors.h"
#include "framework/train/regularisers.h"
#include "tests/framework/train/tiny_trunk.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

nlohmann::json expected_attention() { return read_json(std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/framework/train/expected/delta_attention.json"); }

at::Tensor floats(const nlohmann::json& list, std::vector<std::int64_t> shape) { return at::tensor(list.get<std::vector<float>>()).view(shape); }

at::Tensor doubles(const nlohmann::json& list) { return at::tensor(list.get<std::vector<double>>(), at::kDouble); }

double furthest(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(); }

std::unique_ptr<Network> network_of(const nlohmann::json& expected) {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(2 * 36, expected["hidden"], 3)});
  auto network = std::make_unique<Network>(nn::wrap(std::make_shared<TinyTrunkImpl>(0)), std::move(heads));
  for (const nn::NamedTensor& each : network->state()) {
    if (!expected["start"].contains(each.name)) continue;  // the toy head's own mean, which PyTorch's has not
    each.tensor.detach().copy_(floats(expected["start"][each.name], each.tensor.sizes().vec()));
  }
  return network;
}

TensorSet set_of(const nlohmann::json& expected) { return {floats(expected["inputs"], {12, 3, 6, 6}), floats(expected["targets"], {12, 3}), {}, {}}; }

/// `rows` rows of a set as one part, all with labels.
BatchPart rows_as_part(const TensorSet& set, std::int64_t first, std::int64_t rows, std::size_t heads = 1) {
  BatchPart part;
  const at::Tensor input = set.input.narrow(0, first, rows);
  for (std::size_t h = 0; h < heads; ++h) {
    part.inputs.push_back(input);
    part.batches.push_back({input, set.target.narrow(0, first, rows), {}, {}});
    part.labels.push_back({rows, rows});
  }
  return part;
}

TEST(DeltaAttention, EqualsPyTorchWithWholePasses) {
  const nlohmann::json expected = expected_attention();
  const auto network = network_of(expected);
  const TensorSet set = set_of(expected);
  const std::vector<at::Tensor> rises = loss_rises(*network, {rows_as_part(set, 0, 4), rows_as_part(set, 4, 2)}, false);
  ASSERT_EQ(rises.size(), 3u);
  for (std::size_t m = 0; m < rises.size(); ++m) {
    EXPECT_EQ(rises[m].scalar_type(), at::kDouble);
    EXPECT_LT(furthest(rises[m], doubles(expected["at_start"]["rises"][m])), 1e-6) << map_name(m, 3);
    EXPECT_LT(furthest(attention_of(rises[m]), doubles(expected["at_start"]["attention"][m])), 1e-5) << map_name(m, 3);
  }
}

TEST(DeltaAttention, TrainingWithItEqualsPyTorchOverEightSteps) {
  const nlohmann::json expected = expected_attention();
  const auto network = network_of(expected);
  TrainerOptions options;
  options.steps = expected["steps"];
  from_json(option_section("training", "", options), expected["training"]);
  from_json(option_section("adaptation", "", options.adaptation), expected["adaptation"]);
  const auto source = make_tensor_source(set_of(expected), expected["batch_size"], false, 0);
  const TemporaryFolder folder;
  Logger logger;
  std::vector<double> losses;
  const auto note = [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); };
  train(*network, *source, nullptr, options, {folder.path(), false, 5}, logger, note);
  std::map<std::string, at::Tensor> kept;
  for (const nn::NamedTensor& each : nn::read_safetensors(folder.path() / "checkpoint.safetensors").tensors) kept[each.name] = each.tensor;
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_LT(furthest(kept.at("delta_attention." + std::to_string(m)), doubles(expected["attention"][m])), 1e-5) << map_name(m, 3);
  }
  train(*network, *source, nullptr, options, {folder.path(), false}, logger, note);
  const auto expected_losses = expected["losses"].get<std::vector<double>>();
  ASSERT_EQ(losses.size(), expected_losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected_losses[i], 1e-5) << "step " << i;
  for (const nn::NamedTensor& each : network->state()) {
    if (!expected["end"].contains(each.name)) continue;
    EXPECT_LT(furthest(each.tensor.detach(), floats(expected["end"][each.name], each.tensor.sizes().vec())), 1e-5) << each.name;
  }
}

/// Two heads on the same images and a third on others, two images an example, some without a label: what norms at zero make of it.
TEST(DeltaAttention, IsThatOfFiltersWhoseNormIsZeroWithSeveralHeadsAndImages) {
  std::vector<Head> heads;
  for (const char* name : {"a", "b", "c"}) heads.push_back({std::make_shared<Regression>(name), std::make_unique<Mlp>(2 * 2 * 36, 5, 3)});
  Network network(nn::wrap(std::make_shared<TinyTrunkImpl>(0.2)), std::move(heads));
  network.initialise(3);
  std::map<std::string, at::Tensor> state;
  for (const nn::NamedTensor& each : network.state()) {
    state[each.name] = each.tensor.detach();
    if (each.name.ends_with("bn1.bias") || each.name.ends_with("bn.bias")) state[each.name].add_(0.3);
  }
  const at::Tensor first = at::arange(3 * 2 * 3 * 36, at::kFloat).mul(0.31).sin().view({3, 2, 3, 6, 6});
  const at::Tensor second = at::arange(4 * 2 * 3 * 36, at::kFloat).mul(0.17).cos().view({4, 2, 3, 6, 6});
  const auto target = [](std::int64_t rows, double scale) { return at::arange(rows * 3, at::kFloat).mul(scale).sin().view({rows, 3}); };
  at::Tensor mask = at::ones({3, 3}, at::kBool);
  mask.select(0, 1).zero_();
  BatchPart part;
  part.inputs = {first, first, second};
  part.batches = {{first, target(3, 0.9), {}, {}}, {first, target(3, 0.4), mask, {}}, {second, target(4, 0.7), {}, {}}};
  part.labels = {{3, 3}, {2, 2}, {4, 4}};

  const std::string before = bytes_under(network, "");
  const std::vector<at::Tensor> rises = loss_rises(network, {part}, false);
  EXPECT_EQ(bytes_under(network, ""), before);
  EXPECT_TRUE(network.training());
  EXPECT_TRUE(at::GradMode::is_enabled());

  const at::AutoGradMode no_gradient(false);
  network.set_training(false);
  const auto loss = [&] {
    double sum = 0;
    for (std::size_t h = 0; h < 3; ++h) sum += network.heads()[h].task->loss(network.forward(part.inputs[h], h), part.batches[h]).item<double>();
    return sum / 3;
  };
  const double whole = loss();
  const std::vector<std::pair<std::string, std::int64_t>> norms = {{"trunk.layer1.1.bn1", 4}, {"trunk.layer2.0.bn1", 4}, {"trunk.compress_bn", 2}};
  ASSERT_EQ(rises.size(), norms.size());
  double largest = 0;
  for (std::size_t m = 0; m < norms.size(); ++m) {
    ASSERT_EQ(rises[m].numel(), norms[m].second);
    for (std::int64_t c = 0; c < norms[m].second; ++c) {
      std::vector<at::Tensor> values;
      for (const char* which : {".weight", ".bias"}) {
        const at::Tensor value = state.at(norms[m].first + which)[c];
        values.push_back(value.clone());
        value.zero_();
      }
      EXPECT_NEAR(rises[m][c].item<double>(), loss() - whole, 1e-6) << norms[m].first << " " << c;
      largest = std::max(largest, std::abs(loss() - whole));
      state.at(norms[m].first + ".weight")[c].copy_(values[0]);
      state.at(norms[m].first + ".bias")[c].copy_(values[1]);
    }
  }
  EXPECT_GT(largest, 1e-3);
}

TEST(DeltaAttention, ASharedTrunkIsGoneThroughOnceForEveryChannel) {
  auto trunk = std::make_unique<Mlp>(6, 5, 4);
  Mlp* const counted = trunk.get();
  std::vector<Head> heads;
  auto head = std::make_unique<Mlp>(4, 5, 3);
  Mlp* const counted_head = head.get();
  heads.push_back({std::make_shared<Regression>("toy"), std::move(head)});
  Network network(std::move(trunk), std::move(heads));
  network.initialise(1);
  const TensorSet set = made_set();
  ASSERT_EQ(loss_rises(network, {rows_as_part(set, 0, 5), rows_as_part(set, 5, 5)}, false).size(), 1u);
  EXPECT_EQ(counted->passes, 2);
  EXPECT_EQ(counted_head->passes, 2 * (1 + 4));
}

TEST(DeltaAttention, RefusesExamplesWithoutLabelsAndLossesThatAreNoNumbers) {
  const auto network = tiny_network();
  BatchPart part = rows_as_part(tiny_set(), 0, 4);
  part.labels = {{0, 0}};
  EXPECT_THAT(sentence_of([&] { loss_rises(*network, {part}, false); }), HasSubstr("none of the examples that channels are weighed on has a label"));
  part = rows_as_part(tiny_set(), 0, 4);
  part.batches[0].target = at::full_like(part.batches[0].target, INFINITY);
  EXPECT_THAT(sentence_of([&] { loss_rises(*network, {part}, false); }), HasSubstr("the loss without channel 0 of the map 'stage 1' is NaN or infinite"));
  // What was recorded for it is not recorded any longer.
  network->encode(tiny_set().input);
}

TEST(AttentionOf, SumsToOneAndKnowsNeitherScaleNorOrigin) {
  const at::Tensor rises = at::arange(7, at::kDouble).mul(1.7).sin();
  const at::Tensor weights = attention_of(rises);
  EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-12);
  EXPECT_LT(furthest(attention_of(rises * 3e-4 + 2), weights), 1e-9);
  EXPECT_EQ(at::argmax(weights).item<std::int64_t>(), at::argmax(rises).item<std::int64_t>());
  // Standardised values lie within sqrt(C - 1) of 0, so that no channel can take everything.
  const at::Tensor one = at::zeros({100}, at::kDouble);
  one[3] = 1e9;
  EXPECT_NEAR(attention_of(one).max().item<double>(), std::exp(std::sqrt(99.0) / 5) / (std::exp(std::sqrt(99.0) / 5) + 99 * std::exp(-1 / std::sqrt(99.0) / 5)), 1e-9);
}

TEST(AttentionOf, IsEqualWhereRisesAre) {
  for (const at::Tensor& rises : {at::zeros({4}, at::kDouble), at::full({7}, 0.1, at::kDouble), at::full({1}, 3.0, at::kDouble)}) {
    EXPECT_LT(furthest(attention_of(rises), at::full_like(rises, 1.0 / static_cast<double>(rises.numel()))), 1e-12);
  }
}

TEST(DeltaDistance, WithEqualWeightsIsTheDistanceWithout) {
  const auto wave = [](std::vector<std::int64_t> shape, double scale) {
    std::int64_t count = 1;
    for (const std::int64_t side : shape) count *= side;
    return at::arange(count, at::kFloat).mul(scale).sin().view(shape);
  };
  const std::vector<at::Tensor> start = {wave({2, 3, 4, 4}, 0.2), wave({2, 6, 2, 2}, 0.3), wave({2, 5}, 0.4)};
  const std::vector<at::Tensor> equal = {at::full({3}, 1.0 / 3), at::full({6}, 1.0 / 6), at::full({5}, 1.0 / 5)};
  std::vector<at::Tensor> values;
  std::vector<std::vector<at::Tensor>> gradients;
  for (const bool weighed : {false, true}) {
    const std::vector<at::Tensor> maps = {wave({2, 3, 4, 4}, 0.9).clone().set_requires_grad(true), wave({2, 6, 2, 2}, 0.8).clone().set_requires_grad(true),
                                          wave({2, 5}, 0.7).clone().set_requires_grad(true)};
    const at::Tensor value = weighed ? delta_distance(maps, start, equal) : delta_distance(maps, start);
    values.push_back(value.detach());
    gradients.push_back(torch::autograd::grad({value}, maps));
  }
  EXPECT_NEAR(values[1].item<double>(), values[0].item<double>(), 1e-5);
  for (std::size_t i = 0; i < start.size(); ++i) EXPECT_LT(furthest(gradients[1][i], gradients[0][i]), 1e-6);
  // A channel that counts for nothing may go where it will, one that counts for everything counts C times.
  const at::Tensor moved = start[1].clone();
  moved.select(1, 2).add_(1);
  const auto distance = [&](std::int64_t channel) {
    const at::Tensor weights = at::zeros({6});
    weights[channel] = 1;
    return delta_distance({moved}, {start[1]}, {weights}).item<double>();
  };
  EXPECT_EQ(distance(1), 0);
  EXPECT_NEAR(distance(2), 6 * delta_distance({moved}, {start[1]}).item<double>(), 1e-5);
  EXPECT_THAT(sentence_of([&] { delta_distance({moved}, {start[1]}, {at::ones({5})}); }), HasSubstr("6 channels, but 5 were weighed"));
  EXPECT_THAT(sentence_of([&] { delta_distance({moved}, {start[1]}, {at::ones({6}), at::ones({6})}); }), HasSubstr("showed 1 maps, but channels of 2"));
}

TrainerOptions supervised(const AdaptationOptions& adaptation = {.probe = 0.5}, std::int64_t steps = 10) {
  TrainerOptions options{.steps = steps, .batch_size = 4, .optimizer = "adam", .learning_rate = 0.02, .evaluate_every = 3};
  options.adaptation = adaptation;
  options.adaptation.delta = 0.5;
  options.adaptation.delta_attention = "supervised";
  return options;
}

std::string weights_after(const TrainerOptions& options, const std::filesystem::path& folder = {}, std::int64_t stop_after = 0, std::uint64_t seed = 1) {
  const auto network = tiny_network(seed);
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  Logger logger;
  train(*network, *source, nullptr, options, {folder, false, stop_after}, logger);
  return bytes_under(*network, "");
}

TEST(SupervisedDelta, ResumeAfterAnyStepIsBitForBit) {
  for (const AdaptationOptions& adaptation :
       {AdaptationOptions{.probe = 0.5, .bss = 0.1}, AdaptationOptions{.freeze = "gradual", .unfreeze_every = 0.3}, AdaptationOptions{.freeze = "stages", .freeze_count = 2, .probe = 0.2}}) {
    const TrainerOptions options = supervised(adaptation);
    const TemporaryFolder whole;
    const std::string expected = weights_after(options, whole.path());
    EXPECT_EQ(weights_after(options), expected) << "without a folder";
    TrainerOptions alike = options;
    alike.adaptation.delta_attention = "uniform";
    EXPECT_NE(weights_after(alike), expected);
    for (std::int64_t stop = 1; stop < 10; ++stop) {
      const TemporaryFolder parts;
      weights_after(options, parts.path(), stop);
      EXPECT_EQ(weights_after(options, parts.path(), 0, 99), expected) << "stopped after step " << stop;
      EXPECT_EQ(weights_after(options, parts.path(), 0, 98), expected) << "finished";
    }
  }
}

TEST(SupervisedDelta, IsWeighedWhenTheTrunkBeginsToLearnAndKeptInTheCheckpointUntilTheEnd) {
  const auto kept = [](const std::filesystem::path& folder) {
    std::size_t count = 0;
    for (const nn::NamedTensor& each : nn::read_safetensors(folder / "checkpoint.safetensors").tensors) {
      count += each.name.starts_with("delta_attention.") ? 1 : 0;
    }
    return count;
  };
  const TrainerOptions options = supervised();
  const TemporaryFolder folder;
  weights_after(options, folder.path(), 5);
  EXPECT_EQ(kept(folder.path()), 0u);
  weights_after(options, folder.path(), 6);
  EXPECT_EQ(kept(folder.path()), 3u);
  weights_after(options, folder.path());
  EXPECT_EQ(kept(folder.path()), 0u);
}

TEST(SupervisedDelta, IsTheSameTrainingAsUniformUntilThen) {
  TrainerOptions options = supervised();
  const TemporaryFolder with;
  const std::string one = weights_after(options, with.path(), 5);
  options.adaptation.delta_attention = "uniform";
  const TemporaryFolder without;
  EXPECT_EQ(weights_after(options, without.path(), 5), one);
}

TEST(SupervisedDelta, TellsTheWeightsInOneLineAndLooksAtNoMoreExamplesThanAsked) {
  class Messages : public LogSink {
   public:
    Messages(std::vector<std::string>& list, nlohmann::json& fields) : list_(list), fields_(fields) {}
    void event(LogLevel, const std::string& message, const nlohmann::json& fields) override {
      if (message.starts_with("DELTA")) {
        list_.push_back(message);
        fields_.push_back(fields);
      }
    }
    void progress(const std::string&, double, double, const std::string&) override {}
    void progress_end(const std::string&) override {}

   private:
    std::vector<std::string>& list_;
    nlohmann::json& fields_;
  };
  for (const std::int64_t asked : {1, 3, 4, 5, 12, 64}) {
    std::vector<std::string> messages;
    nlohmann::json fields = nlohmann::json::array();
    Logger logger;
    logger.add_sink(std::make_unique<Messages>(messages, fields));
    TrainerOptions options = supervised();
    options.adaptation.delta_examples = asked;
    const auto network = tiny_network();
    const auto source = make_tensor_source(tiny_set(), 4, true, 1);
    train(*network, *source, nullptr, options, {}, logger);
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(fields[0]["examples"].get<std::int64_t>(), std::min<std::int64_t>(asked, 12));
    EXPECT_THAT(messages[0], HasSubstr("DELTA's attention after step 5: 10 channels weighed on "));
    EXPECT_THAT(messages[0], ::testing::ContainsRegex("1 being the mean: stage 1 [0-9.]+ to [0-9.]+, stage 2 [0-9.]+ to [0-9.]+, representation [0-9.]+ to [0-9.]+$"));
    ASSERT_EQ(fields[0]["delta_attention"].size(), 3u);
    EXPECT_LE(fields[0]["delta_attention"][0]["smallest"].get<double>(), 0.25);
    EXPECT_GE(fields[0]["delta_attention"][0]["largest"].get<double>(), 0.25);
  }
}

TEST(SupervisedDelta, GoesWithoutWeighingWhereTheTrunkNeverLearns) {
  TrainerOptions options = supervised({.freeze = "all"});
  const std::string one = weights_after(options);
  options.adaptation.delta_attention = "uniform";
  EXPECT_EQ(weights_after(options), one);
}

TEST(SupervisedDelta, RefusesWhatCannotBe) {
  const auto refused = [](TrainerOptions options, const std::function<void(TrainerOptions&)>& change) {
    change(options);
    return sentence_of([&] { validate(options); });
  };
  const TrainerOptions good = supervised();
  EXPECT_EQ(refused(good, [](TrainerOptions&) {}), "");
  EXPECT_THAT(refused(good, [](TrainerOptions& o) { o.adaptation.delta_attention = "Supervised"; }), HasSubstr("delta_attention"));
  EXPECT_THAT(refused(good, [](TrainerOptions& o) { o.adaptation.delta_attention = ""; }), HasSubstr("delta_attention"));
  for (const std::int64_t examples : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_THAT(refused(good, [&](TrainerOptions& o) { o.adaptation.delta_examples = examples; }), HasSubstr("delta_examples"));
  }
  EXPECT_EQ(refused(good, [](TrainerOptions& o) { o.adaptation.delta_examples = std::numeric_limits<std::int64_t>::max(); }), "");
  EXPECT_THAT(refused(good, [](TrainerOptions& o) { o.adaptation.delta = 0; }), HasSubstr("delta is 0, so that no channel counts"));
  EXPECT_NE(refused(good, [](TrainerOptions& o) { o.adaptation.delta = kNoNumber; }), "");
  EXPECT_THAT(refused(good, [](TrainerOptions& o) { o.adaptation.probe = 0; }), HasSubstr("set probe to the share of the training"));
  EXPECT_EQ(refused(good, [](TrainerOptions& o) {
              o.adaptation.probe = 0;
              o.balance.heads_first = 0.2;
            }),
            "");
  EXPECT_THAT(refused(good, [](TrainerOptions& o) { o.adaptation.train_frozen_norms = true; }), HasSubstr("the trunk moves while the head learns alone"));
  // Not one step for the head, after rounding.
  EXPECT_THAT(sentence_of([] { weights_after(supervised({.probe = 0.01})); }), HasSubstr("the trunk learns from step 1 of 10 on"));
  // As many as there are.
  TrainerOptions most = good;
  most.adaptation.delta_examples = std::numeric_limits<std::int64_t>::max();
  TrainerOptions all = good;
  all.adaptation.delta_examples = 12;
  EXPECT_EQ(weights_after(most), weights_after(all));
}

TEST(SupervisedDelta, ACheckpointsAttentionMustBeNamedAsOurs) {
  const auto network = tiny_network();
  Regularisers regularisers(*network, supervised());
  EXPECT_TRUE(regularisers.waits_for_attention());
  EXPECT_THAT(sentence_of([&] { regularisers.load_attention({{"0", at::ones({4})}, {"2", at::ones({4})}}); }), HasSubstr("of 2 maps, but one is of map '2'"));
  EXPECT_THAT(sentence_of([&] { regularisers.load_attention({{"1", at::ones({4})}, {"1", at::ones({4})}}); }), HasSubstr("but one is of map '1'"));
  EXPECT_TRUE(regularisers.waits_for_attention());
  regularisers.load_attention({{"1", at::ones({2})}, {"0", at::ones({4})}});
  EXPECT_FALSE(regularisers.waits_for_attention());
  EXPECT_EQ(regularisers.attention().front().tensor.numel(), 4);
}

TEST(SupervisedDelta, LeavesIdentitiesOfOtherTrainingsAsTheyWere) {
  TrainerOptions options;
  options.adaptation.delta = 0.1;
  const nlohmann::json json = to_json(options);
  EXPECT_FALSE(json.at("adaptation").contains("delta_attention"));
  EXPECT_FALSE(json.at("adaptation").contains("delta_examples"));
  EXPECT_EQ(trainer_options_from_json(json).adaptation, options.adaptation);
  options = supervised();
  options.adaptation.delta_examples = 7;
  EXPECT_EQ(to_json(options).at("adaptation").at("delta_attention"), "supervised");
  EXPECT_EQ(trainer_options_from_json(to_json(options)).adaptation, options.adaptation);
}

}  // namespace
}  // namespace affinis::train
