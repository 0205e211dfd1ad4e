#include <gtest/gtest.h>

#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;

struct TwoHeads {
  Mlp* trunk;
  std::unique_ptr<Network> network;
};

TwoHeads two_heads() {
  auto trunk = std::make_unique<Mlp>(6, 8, 4);
  Mlp* raw = trunk.get();
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("a"), std::make_unique<Mlp>(4, 5, 3)});
  heads.push_back({std::make_shared<Regression>("b"), std::make_unique<Mlp>(4, 5, 3)});
  auto network = std::make_unique<Network>(std::move(trunk), std::move(heads));
  network->initialise(3);
  return {raw, std::move(network)};
}

TEST(Network, NamesPartsInItsState) {
  const auto [trunk, network] = two_heads();
  const auto parameters = network->parameters();
  ASSERT_EQ(parameters.size(), 12u);
  EXPECT_EQ(parameters[0].name, "trunk.0.weight");
  EXPECT_EQ(parameters[4].name, "heads.a.0.weight");
  EXPECT_EQ(parameters[11].name, "heads.b.2.bias");
  EXPECT_EQ(network->state().size(), 15u);
}

TEST(Network, HeadsWithTheSameInputShareOneTrunkPass) {
  const auto [trunk, network] = two_heads();
  network->set_training(false);
  const at::Tensor x = at::arange(12, at::kFloat).sin().view({2, 6});
  const at::Tensor y = x * 2;
  const auto shared = network->forward_all(std::vector<at::Tensor>{x, x});
  EXPECT_EQ(trunk->passes, 1);
  EXPECT_TRUE(at::equal(shared[0], network->forward(x, 0)));
  EXPECT_TRUE(at::equal(shared[1], network->forward(x, 1)));

  trunk->passes = 0;
  const auto apart = network->forward_all(std::vector<at::Tensor>{x, y});
  EXPECT_EQ(trunk->passes, 2);
  EXPECT_FALSE(at::equal(apart[1], shared[1]));

  trunk->passes = 0;
  const auto one = network->forward_all(std::vector<at::Tensor>{at::Tensor(), y});
  EXPECT_EQ(trunk->passes, 1);
  EXPECT_FALSE(one[0].defined());
  EXPECT_TRUE(at::equal(one[1], apart[1]));
}

TEST(Network, InitialWeightsDependOnSeedAndTaskAlone) {
  const auto both = two_heads().network;
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("b"), std::make_unique<Mlp>(4, 5, 3)});
  Network alone(nullptr, std::move(heads));
  alone.initialise(3);
  EXPECT_TRUE(at::equal(alone.parameters()[0].tensor, both->parameters()[8].tensor));
  EXPECT_FALSE(at::equal(both->parameters()[4].tensor, both->parameters()[8].tensor));
  alone.initialise(4);
  EXPECT_FALSE(at::equal(alone.parameters()[0].tensor, both->parameters()[8].tensor));
}

TEST(Network, StateGoesOutAndIn) {
  const auto from = two_heads().network;
  const auto to = two_heads().network;
  to->initialise(9);
  to->load_state(from->state());
  EXPECT_EQ(bytes_of(to->state()), bytes_of(from->state()));
}

TEST(Network, RefusesAForeignStateAndStaysAsItWas) {
  const auto network = two_heads().network;
  const std::string before = bytes_of(network->state());
  auto state = two_heads().network->state();
  for (nn::NamedTensor& each : state) each.tensor = each.tensor.detach() + 1;
  auto missing = state;
  missing.pop_back();
  EXPECT_NE(sentence_of([&] { network->load_state(missing); }).find("running_mean"), std::string::npos);
  EXPECT_EQ(bytes_of(network->state()), before);
  state.push_back({"heads.c.weight", at::zeros({1})});
  EXPECT_NE(sentence_of([&] { network->load_state(state); }).find("heads.c.weight"), std::string::npos);
  EXPECT_EQ(bytes_of(network->state()), before);
}

TEST(Network, RefusesTheSameTaskTwice) {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("a"), std::make_unique<Mlp>(4, 5, 3)});
  heads.push_back({std::make_shared<Regression>("a"), std::make_unique<Mlp>(4, 5, 3)});
  EXPECT_NE(sentence_of([&] { Network(nullptr, std::move(heads)); }).find("two heads for the task 'a'"), std::string::npos);
}

}  // namespace
}  // namespace affinis::train
