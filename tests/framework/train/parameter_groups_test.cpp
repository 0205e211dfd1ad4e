#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/json.h"
#include "framework/train/optimizer.h"
#include "framework/train/parameter_groups.h"
#include "framework/train/regularisers.h"
#include "tests/framework/train/tiny_trunk.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Row {
  std::string name;
  std::size_t tensors;
  double rate;
  double decay;
  bool frozen;
  bool operator==(const Row&) const = default;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << " " << row.tensors << " tensors, rate " << row.rate << ", decay " << row.decay << (row.frozen ? ", frozen" : "");
}

std::vector<Row> rows(const TrainerOptions& options) {
  std::vector<Row> result;
  for (const ParameterGroup& group : parameter_groups(*tiny_network(), options)) {
    result.push_back({group.name, group.parameters.size(), group.rate, group.weight_decay, group.frozen});
  }
  return result;
}

TrainerOptions with(const AdaptationOptions& adaptation, double weight_decay = 0.5) {
  TrainerOptions options{.weight_decay = weight_decay};
  options.adaptation = adaptation;
  return options;
}

// The head has two linear layers and a norm: 5 parameters.
TEST(ParameterGroups, AreOneAPartWithTheTrainingsOwnSettingsByDefault) {
  EXPECT_THAT(rows(with({})), ElementsAre(Row{"trunk.stem", 3, 1, 0.5, false}, Row{"trunk.layer1", 6, 1, 0.5, false},
                                          Row{"trunk.layer2", 3, 1, 0.5, false}, Row{"trunk.compress", 3, 1, 0.5, false},
                                          Row{"heads.toy", 5, 1, 0.5, false}));
  // In the network's order, so that nothing is added up in another order than before there were groups.
  std::vector<std::string> flat;
  for (const ParameterGroup& group : parameter_groups(*tiny_network(), with({}))) {
    for (const nn::NamedTensor& each : group.parameters) flat.push_back(each.name);
  }
  std::vector<std::string> own;
  for (const nn::NamedTensor& each : tiny_network()->parameters()) own.push_back(each.name);
  EXPECT_EQ(flat, own);
}

TEST(ParameterGroups, RatesFallFromTheHeadDown) {
  TrainerOptions options = with({.backbone_rate = 0.1, .layer_decay = 0.5});
  options.balance.rates = {"toy=3"};
  EXPECT_THAT(rows(options), ElementsAre(Row{"trunk.stem", 3, 0.1 * 0.5 * 0.5 * 0.5, 0.5, false}, Row{"trunk.layer1", 6, 0.1 * 0.5 * 0.5, 0.5, false},
                                         Row{"trunk.layer2", 3, 0.1 * 0.5, 0.5, false}, Row{"trunk.compress", 3, 0.1, 0.5, false},
                                         Row{"heads.toy", 5, 3, 0.5, false}));
}

TEST(ParameterGroups, NormsAndBiasesAreTheirOwnWithoutDecay) {
  EXPECT_THAT(rows(with({.freeze = "stages", .freeze_count = 2, .decay_norms = false})),
              ElementsAre(Row{"trunk.stem, frozen", 1, 1, 0.5, true}, Row{"trunk.stem, without decay, frozen", 2, 1, 0, true},
                          Row{"trunk.layer1, frozen", 2, 1, 0.5, true}, Row{"trunk.layer1, without decay, frozen", 4, 1, 0, true},
                          Row{"trunk.layer2", 1, 1, 0.5, false}, Row{"trunk.layer2, without decay", 2, 1, 0, false},
                          Row{"trunk.compress", 1, 1, 0.5, false}, Row{"trunk.compress, without decay", 2, 1, 0, false},
                          Row{"heads.toy", 2, 1, 0.5, false}, Row{"heads.toy, without decay", 3, 1, 0, false}));
}

TEST(ParameterGroups, L2SpTakesThePlaceOfWeightDecay) {
  for (const Row& row : rows(with({.l2_sp = 0.1}))) EXPECT_EQ(row.decay, row.name == "heads.toy" ? 0.5 : 0) << row.name;
  for (const Row& row : rows(with({.l2_new = 0.1}))) EXPECT_EQ(row.decay, row.name == "heads.toy" ? 0 : 0.5) << row.name;
}

TEST(ParameterGroups, FrozenForAWhileIsNotFrozen) {
  for (const Row& row : rows(with({.freeze = "gradual", .probe = 0.3}))) EXPECT_FALSE(row.frozen) << row.name;
  EXPECT_TRUE(rows(with({.freeze = "gradual", .unfreeze_every = 0.3})).front().frozen);
}

TEST(ParameterGroups, RefuseRatesThatAreNone) {
  const auto sentence = [](const std::string& rate) {
    TrainerOptions options;
    options.balance.rates = {rate};
    return sentence_of([&] { parameter_groups(*tiny_network(), options); });
  };
  EXPECT_THAT(sentence("toi=2"), HasSubstr("there is no head 'toi', did you mean 'toy'"));
  EXPECT_THAT(sentence("toy=fast"), HasSubstr("'toy=fast', which gives no number"));
  EXPECT_THAT(sentence("toy"), HasSubstr("write task=number"));
  EXPECT_THAT(sentence("toy=-1"), HasSubstr("no number from 0 on"));
}

TEST(ParameterGroups, TheTableSaysAbsoluteRates) {
  TrainerOptions options = with({.freeze = "stages", .freeze_count = 1, .backbone_rate = 0.1});
  options.learning_rate = 0.02;
  const std::string table = parameter_table(parameter_groups(*tiny_network(), options), options);
  EXPECT_THAT(table, ::testing::ContainsRegex("parameter +shape +group +rate +decay\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("trunk.conv1.weight +\\[4, 3, 3, 3\\] +trunk.stem +frozen +0 +0\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("trunk.layer1.0.bn1.bias +\\[4\\] +trunk.layer1 +0.002 +0.5\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("heads.toy +5 +[0-9]+ +0.02 +0.5\n"));
  EXPECT_THAT(table, HasSubstr("values learn\n"));
  const nlohmann::json groups = group_table(parameter_groups(*tiny_network(), options), options);
  EXPECT_EQ(groups.at(0).at("frozen"), true);
  EXPECT_EQ(groups.at(1).at("learning_rate"), 0.002);
}

TEST(GroupedOptimizer, EqualsOneOptimizerAGroupBitForBit) {
  for (const char* kind : {"adam", "sgd"}) {
    TrainerOptions options{.optimizer = kind, .learning_rate = 0.1, .weight_decay = 0.3};
    std::vector<ParameterGroup> groups(2);
    for (std::size_t g = 0; g < 2; ++g) {
      groups[g] = {"g", {}, g == 0 ? 0.25 : 1.0, g == 0 ? 0.0 : 0.3, false};
      for (int i = 0; i < 3; ++i) {
        groups[g].parameters.push_back({"p" + std::to_string(3 * static_cast<int>(g) + i), at::arange(5, at::kFloat).add(i).sin().set_requires_grad(true)});
      }
    }
    std::vector<std::vector<nn::NamedTensor>> apart(2);
    for (std::size_t g = 0; g < 2; ++g) {
      for (const nn::NamedTensor& each : groups[g].parameters) apart[g].push_back({each.name, each.tensor.detach().clone().set_requires_grad(true)});
    }
    Optimizer together(options, groups);
    TrainerOptions slow = options;
    slow.weight_decay = 0;
    Optimizer first(slow, apart[0]);
    Optimizer second(options, apart[1]);
    for (int step = 0; step < 4; ++step) {
      for (std::size_t g = 0; g < 2; ++g) {
        for (std::size_t i = 0; i < 3; ++i) {
          const at::Tensor gradient = at::arange(5, at::kFloat).mul(0.3 + step).cos();
          groups[g].parameters[i].tensor.mutable_grad() = gradient.clone();
          apart[g][i].tensor.mutable_grad() = gradient.clone();
        }
      }
      together.step(0.1);
      first.step(0.1 * 0.25);
      second.step(0.1);
    }
    for (std::size_t g = 0; g < 2; ++g) EXPECT_EQ(bytes_of(groups[g].parameters), bytes_of(apart[g]));
  }
}

at::Tensor tensor_of(const nlohmann::json& rows) {
  std::vector<float> values;
  for (const auto& row : rows) {
    for (const auto& value : row) values.push_back(value);
  }
  return at::tensor(values).view({static_cast<std::int64_t>(rows.size()), -1});
}

nlohmann::json expected_file() { return read_json(std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/framework/train/expected/adaptation.json"); }

/// "heads.toy.0.weight" -> "head.0.weight".
std::string name_there(const std::string& name) { return name.starts_with("heads.toy.") ? "head." + name.substr(10) : name; }

TEST(Adaptation, EqualsPyTorchOverEightSteps) {
  const nlohmann::json expected = expected_file();
  ASSERT_EQ(expected["cases"].size(), 11u);
  for (const auto& [name, one_case] : expected["cases"].items()) {
    SCOPED_TRACE(name);
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(expected["features"], expected["hidden"], 3)});
    Network network(std::make_unique<Mlp>(6, expected["hidden"], expected["features"]), std::move(heads));
    for (const nn::NamedTensor& each : network.parameters()) {
      const auto values = expected["start"].at(name_there(each.name)).get<std::vector<float>>();
      each.tensor.detach().copy_(at::tensor(values).view(each.tensor.sizes()));
    }
    TrainerOptions options;
    options.steps = expected["steps"];
    from_json(option_section("training", "", options), one_case["training"]);
    from_json(option_section("adaptation", "", options.adaptation), one_case["adaptation"]);
    const auto source = make_tensor_source({tensor_of(expected["inputs"]), tensor_of(expected["targets"]), {}, {}}, expected["batch_size"], false, 0);
    std::vector<double> losses;
    Logger logger;
    train(network, *source, nullptr, options, {}, logger, [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); });
    const auto expected_losses = one_case["losses"].get<std::vector<double>>();
    ASSERT_EQ(losses.size(), expected_losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected_losses[i], 1e-6) << "step " << i;
    for (const nn::NamedTensor& each : network.parameters()) {
      const auto values = one_case["weights"].at(name_there(each.name)).get<std::vector<float>>();
      EXPECT_LT((each.tensor.detach().flatten() - at::tensor(values)).abs().max().item<double>(), 1e-6) << each.name;
    }
  }
}

TEST(SmallestSingularValues, EqualPyTorchsValueAndGradient) {
  for (const nlohmann::json& one : expected_file()["bss"]) {
    std::vector<double> values;
    for (const auto& row : one["features"]) {
      for (const auto& value : row) values.push_back(value);
    }
    const auto rows = static_cast<std::int64_t>(one["features"].size());
    const at::Tensor features = at::tensor(values, at::kDouble).view({rows, -1}).clone().set_requires_grad(true);
    const at::Tensor value = smallest_singular_values(features, one["count"]);
    value.backward();
    EXPECT_NEAR(value.item<double>(), one["value"].get<double>(), 1e-9);
    const at::Tensor gradient = at::tensor(one["gradient"].get<std::vector<double>>(), at::kDouble);
    EXPECT_LT((features.grad().flatten() - gradient).abs().max().item<double>(), 1e-9);
  }
}

TEST(SmallestSingularValues, HaveAGradientWhereSingularValuesCoincide) {
  const at::Tensor features = at::eye(4).mul(2).set_requires_grad(true);
  smallest_singular_values(features, 4).backward();
  EXPECT_LT((features.grad() - at::eye(4).mul(4)).abs().max().item<double>(), 1e-5);
}

TEST(DeltaDistance, EqualsPyTorchsValueAndGradients) {
  const auto wave = [](std::vector<std::int64_t> shape, double scale) {
    std::int64_t count = 1;
    for (const std::int64_t side : shape) count *= side;
    return at::arange(count, at::kFloat).mul(scale).sin().view(shape);
  };
  const nlohmann::json one = expected_file()["delta"];
  const std::vector<at::Tensor> maps = {wave({2, 3, 4, 4}, 0.9).clone().set_requires_grad(true), wave({2, 6, 2, 2}, 0.8).clone().set_requires_grad(true)};
  const at::Tensor value = delta_distance(maps, {wave({2, 3, 4, 4}, 0.2), wave({2, 6, 2, 2}, 0.3)});
  value.backward();
  EXPECT_NEAR(value.item<double>(), one["value"].get<double>(), 1e-5);
  for (std::size_t i = 0; i < 2; ++i) {
    const at::Tensor gradient = at::tensor(one["gradients"][i].get<std::vector<float>>());
    EXPECT_LT((maps[i].grad().flatten() - gradient).abs().max().item<double>(), 1e-6);
  }
}

TEST(Regularisers, DeltaIsZeroWhereTheTrainingBeginsAndSeesEveryStage) {
  // In evaluation mode, so that the start's BatchNorm is the network's.
  const auto network = tiny_network(1, 0);
  network->set_training(false);
  TrainerOptions options;
  options.adaptation.delta = 1;
  Regularisers regularisers(*network, options);
  regularisers.begin();
  const std::vector<at::Tensor> inputs = {tiny_set().input};
  const auto delta = [&] {
    regularisers.before_forward(inputs);
    network->forward_all(inputs);
    regularisers.before_backward();
    return regularisers.last_delta();
  };
  const std::string before = bytes_under(*network, "");
  EXPECT_LT(delta(), 1e-9);  // rounding: with gradients the norm is LibTorch's
  EXPECT_EQ(bytes_under(*network, ""), before);
  for (const nn::NamedTensor& each : network->parameters()) {
    if (each.name == "trunk.layer1.0.conv1.weight") each.tensor.detach().mul_(1.5);
  }
  const double moved = delta();
  EXPECT_GT(moved, 0);
  // The representation alone tells less than with layer1 and layer2.
  const at::Tensor now = network->encode(inputs[0]).detach();
  const auto start = tiny_network(1, 0);
  start->set_training(false);
  EXPECT_GT(moved, delta_distance({now}, {start->encode(inputs[0]).detach()}).item<double>() * 1.01);
}

TEST(Regularisers, LeaveWeightsAloneThatNothingWasLearntAbout) {
  const auto network = tiny_network();
  TrainerOptions options;
  options.adaptation.l2_new = 1;
  Regularisers regularisers(*network, options);
  regularisers.begin();
  regularisers.add_gradients();
  for (const nn::NamedTensor& each : network->parameters()) EXPECT_FALSE(each.tensor.grad().defined()) << each.name;
}

TEST(ZeroHead, BeginsAtZeroAndLeavesTheTrunkUntouchedInTheFirstStep) {
  const auto network = tiny_network();
  TrainerOptions options{.steps = 1, .batch_size = 4, .optimizer = "sgd", .learning_rate = 0.1, .weight_decay = 0, .momentum = 0};
  options.adaptation.zero_head = true;
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  const std::string parameters = bytes_under(*network, "trunk.layer1.0.conv1.");
  Logger logger;
  train(*network, *source, nullptr, options, {}, logger);
  EXPECT_EQ(bytes_under(*network, "trunk.layer1.0.conv1."), parameters);
  zero_last_layers(*network);
  std::int64_t zeros = 0;
  for (const nn::NamedTensor& each : network->parameters()) zeros += each.tensor.abs().sum().item<double>() == 0 && each.tensor.dim() == 2 ? 1 : 0;
  EXPECT_EQ(zeros, 1);
}

}  // namespace
}  // namespace affinis::train
