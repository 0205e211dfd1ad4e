#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "framework/nn/networks.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/balance_toy.h"
#include "tests/framework/train/thread_collective.h"

namespace affinis::train {
namespace {

using namespace toy;

TrainerOptions options_for(const std::string& balancer) {
  TrainerOptions options;
  options.steps = 24;
  options.optimizer = "sgd";
  options.momentum = 0;
  options.learning_rate = 0.01;
  options.balance.balancer = balancer;
  options.balance.tag = true;
  return options;
}

/// Rows of every batch that are this rank's.
MadeSource share_of(std::int64_t first, std::int64_t count) {
  auto whole = std::make_shared<MadeSource>(three_tasks(6, 0.3));
  return {6, [whole, first, count](std::int64_t epoch, std::int64_t batch) {
            whole->start(epoch, batch);
            std::vector<task::Batch> made = *whole->next();
            const at::Tensor input = made.front().input.narrow(0, first, count);
            for (task::Batch& each : made) {
              each.input = input;
              each.target = each.target.narrow(0, first, count);
              each.mask = each.mask.narrow(0, first, count);
              each.indices.resize(static_cast<std::size_t>(count));
            }
            return made;
          }};
}

TEST(BalancerRanks, TwoRanksAreOneProcessUnderEveryBalancer) {
  for (const std::string& name : all_balancers()) {
    // Projections in a random order, and the shortest vector's corners, turn rounding into another step now and then; not in so few.
    const auto alone = three_heads();
    MadeSource whole = three_tasks(6, 0.3);
    Logger silent;
    train(*alone, whole, nullptr, options_for(name), {}, silent);

    std::vector<std::unique_ptr<Network>> networks(2);
    ThreadRanks threads(2);
    threads.run([&](nn::Collective& collective) {
      set_threads(1);
      const auto rank = static_cast<std::size_t>(collective.rank());
      networks[rank] = three_heads();
      MadeSource source = share_of(collective.rank() == 0 ? 0 : 2, collective.rank() == 0 ? 2 : 4);
      Logger logger;
      train(*networks[rank], source, nullptr, options_for(name), {}, logger, {}, Ranks{&collective});
    });
    const std::vector<nn::NamedTensor> expected = alone->parameters();
    const std::vector<nn::NamedTensor> first = networks[0]->parameters();
    const std::vector<nn::NamedTensor> second = networks[1]->parameters();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(at::allclose(first[i].tensor, expected[i].tensor, 1e-3, 1e-4)) << name << " " << expected[i].name;
      EXPECT_TRUE(first[i].tensor.equal(second[i].tensor)) << name << " " << expected[i].name;
    }
  }
}

class Dense : public Regression {
 public:
  explicit Dense(std::string name) : Regression(std::move(name), 1) {}
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return (prediction - batch.target).abs().mean({1, 2, 3});
  }
};

/// With BatchNorm in trunk and heads, whose statistics autograd saves.
TEST(BalancerNetworks, EncoderAndDecodersTrainUnderEveryBalancer) {
  for (const std::string& name : all_balancers()) {
    std::vector<Head> heads;
    for (const std::string& task : kTasks) heads.push_back({std::make_shared<Dense>(task), nn::make_dense_decoder({.width = 8})});
    Network network(nn::make_encoder({.width = 8}), std::move(heads));
    network.initialise(2);
    MadeSource source(4, [](std::int64_t, std::int64_t batch) {
      const at::Tensor input = at::arange(4 * 3 * 64 * 64, at::kFloat).mul(0.13 + 0.01 * static_cast<double>(batch)).sin().view({4, 3, 64, 64});
      std::vector<task::Batch> made;
      for (std::int64_t t = 0; t < 3; ++t) made.push_back({input, input.narrow(1, t, 1) * 0.5 + 0.3, {}, {0, 1, 2, 3}});
      return made;
    });
    TrainerOptions options;
    options.steps = 6;
    options.learning_rate = 1e-3;
    options.balance.balancer = name;
    options.balance.tag = true;
    options.balance.tag_every = 3;
    Logger logger;
    const TrainingResult result = train(network, source, nullptr, options, {}, logger);
    EXPECT_TRUE(std::isfinite(result.curve.back().train_loss)) << name;
    for (const nn::NamedTensor& each : network.state()) EXPECT_TRUE(at::isfinite(each.tensor).all().item<bool>()) << name << " " << each.name;
  }
}

}  // namespace
}  // namespace affinis::train
