#include <gtest/gtest.h>

#include "framework/core/json.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;

at::Tensor tensor_of(const nlohmann::json& rows) {
  std::vector<float> values;
  for (const auto& row : rows) {
    for (const auto& value : row) values.push_back(value);
  }
  return at::tensor(values).view({static_cast<std::int64_t>(rows.size()), -1});
}

TEST(Optimizer, EqualsPyTorchOverTenSteps) {
  const nlohmann::json expected = read_json(std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/framework/train/expected/optimisers.json");
  ASSERT_EQ(expected["cases"].size(), 10u);
  for (const auto& [name, one_case] : expected["cases"].items()) {
    SCOPED_TRACE(name);
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(6, 5, 3)});
    Network network(nullptr, std::move(heads));
    for (const nn::NamedTensor& each : network.parameters()) {
      const auto values = expected["start"].at(each.name.substr(std::string("heads.toy.").size())).get<std::vector<float>>();
      each.tensor.detach().copy_(at::tensor(values).view(each.tensor.sizes()));
    }
    TrainerOptions options;
    options.steps = expected["steps"];
    from_json(option_section("training", "", options), one_case["settings"]);
    const auto source = make_tensor_source({tensor_of(expected["inputs"]), tensor_of(expected["targets"]), {}, {}},
                                           expected["batch_size"], false, 0);
    std::vector<double> losses;
    Logger logger;
    train(network, *source, nullptr, options, {}, logger, [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); });

    const auto expected_losses = one_case["losses"].get<std::vector<double>>();
    ASSERT_EQ(losses.size(), expected_losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected_losses[i], 1e-6) << "step " << i;
    for (const nn::NamedTensor& each : network.parameters()) {
      const auto values = one_case["weights"].at(each.name.substr(std::string("heads.toy.").size())).get<std::vector<float>>();
      const at::Tensor difference = (each.tensor.detach().flatten() - at::tensor(values)).abs().max();
      EXPECT_LT(difference.item<double>(), 1e-6) << each.name;
    }
  }
}

TEST(Optimizer, LeavesFrozenParametersAlone) {
  const auto network = made_network();
  const nn::NamedTensor frozen = network->parameters().front();
  const at::Tensor before = frozen.tensor.detach().clone();
  const at::Tensor other = network->parameters().back().tensor.detach().clone();
  at::Tensor(frozen.tensor).set_requires_grad(false);
  const auto source = make_tensor_source(made_set(), 5, true, 1);
  Logger logger;
  train(*network, *source, nullptr, {.steps = 5, .learning_rate = 0.1, .weight_decay = 0.1}, {}, logger);
  EXPECT_TRUE(at::equal(frozen.tensor, before));
  EXPECT_FALSE(at::equal(network->parameters().back().tensor, other));
}

}  // namespace
}  // namespace affinis::train
