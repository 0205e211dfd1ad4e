// The whole way of recorded passes but for CUDA: here a recording is the work itself, done again.
#include <gtest/gtest.h>

#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"
#include "framework/train/graphed_forward.h"
#include "framework/train/optimizer.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

constexpr std::int64_t kInputs = 6;
constexpr std::int64_t kOutputs = 3;

struct Counts {
  int warm_ups = 0;
  int recordings = 0;
  int replays = 0;
};

class Again : public WorkRecorder {
 public:
  explicit Again(Counts& counts) : counts_(counts) {}
  void warm_up(const std::function<void()>& work) override {
    ++counts_.warm_ups;
    work();
    work();
  }
  std::function<void()> record(const std::function<void()>& work) override {
    ++counts_.recordings;
    work();
    return [&counts = counts_, work] {
      ++counts.replays;
      work();
    };
  }

 private:
  Counts& counts_;
};

class Refuses : public WorkRecorder {
 public:
  void warm_up(const std::function<void()>& /*work*/) override {}
  std::function<void()> record(const std::function<void()>& /*work*/) override { TORCH_CHECK(false, "no graph today"); }
};

/// A trunk and a head with running statistics each.
Network make_network() {
  const auto task = std::make_shared<toy::Regression>("toy", kOutputs);
  std::vector<Head> heads;
  heads.push_back({task, std::make_unique<toy::Mlp>(4, 5, kOutputs)});
  Network network(std::make_unique<toy::Mlp>(kInputs, 8, 4), std::move(heads));
  network.initialise(7);
  return network;
}

std::vector<at::Tensor> batches() {
  std::vector<at::Tensor> result;
  at::manual_seed(3);
  // The last one is an epoch's rest.
  for (const std::int64_t size : {8, 8, 8, 3, 8}) result.push_back(at::randn({size, kInputs}));
  return result;
}

/// One step a batch; with `forward` in place of the network's own.
void learn(Network& network, const std::function<at::Tensor(const at::Tensor&)>& forward) {
  Optimizer optimizer({.learning_rate = 0.05}, network.parameters());
  for (const at::Tensor& batch : batches()) {
    const at::Tensor loss = (forward(batch) - batch.narrow(1, 0, kOutputs)).square().mean();
    optimizer.zero_gradients();
    loss.backward();
    optimizer.step(0.05);
  }
}

TEST(GraphedForward, LearnsBitForBitWhatTheNetworkItselfLearns) {
  Network plain = make_network();
  learn(plain, [&](const at::Tensor& input) { return plain.forward(input, 0); });

  Network network = make_network();
  Counts counts;
  GraphedForward graphed(network, std::make_unique<Again>(counts));
  learn(network, [&](const at::Tensor& input) { return graphed(input); });
  EXPECT_EQ(counts.warm_ups, 1);
  EXPECT_EQ(counts.recordings, 2);
  // Forward and backward of four batches; the smaller one takes the network's own way.
  EXPECT_EQ(counts.replays, 8);

  const std::vector<nn::NamedTensor> expected = plain.state();
  const std::vector<nn::NamedTensor> found = network.state();
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i].tensor, expected[i].tensor)) << found[i].name;
}

TEST(GraphedForward, RecordingLeavesRunningStatisticsAndWeightsAlone) {
  Network network = make_network();
  const Network untouched = make_network();
  class Idle : public Again {
   public:
    using Again::Again;
    std::function<void()> record(const std::function<void()>& work) override {
      work();
      return [] {};
    }
  };
  Counts counts;
  GraphedForward graphed(network, std::make_unique<Idle>(counts));
  graphed(batches().front());
  const std::vector<nn::NamedTensor> expected = untouched.state();
  const std::vector<nn::NamedTensor> found = network.state();
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i].tensor, expected[i].tensor)) << found[i].name;
}

TEST(GraphedForward, GivesNoGradientToAParameterThatTheOutputDoesNotDependOn) {
  /// The head does not look at what the trunk makes of the input.
  class Deaf : public toy::Mlp {
   public:
    using toy::Mlp::Mlp;
    at::Tensor forward(const at::Tensor& input) override { return toy::Mlp::forward(input.detach()); }
  };
  std::vector<Head> heads;
  heads.push_back({std::make_shared<toy::Regression>("toy", kOutputs), std::make_unique<Deaf>(4, 5, kOutputs)});
  Network network(std::make_unique<toy::Mlp>(kInputs, 8, 4), std::move(heads));
  network.initialise(7);
  Counts counts;
  GraphedForward graphed(network, std::make_unique<Again>(counts));
  graphed(batches().front()).sum().backward();
  for (const nn::NamedTensor& each : network.parameters()) {
    EXPECT_EQ(each.tensor.grad().defined(), each.name.starts_with("heads.")) << each.name;
  }
}

TEST(GraphedForward, SaysInOneSentenceWhatCannotBeRecorded) {
  Network network = make_network();
  GraphedForward graphed(network, std::make_unique<Refuses>());
  try {
    graphed(batches().front());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no graph today"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("run.cuda_graphs"), std::string::npos) << error.what();
  }
}

TEST(CudaGraphs, AreForOneHeadOnAGpuAlone) {
  const Network network = make_network();
  const c10::Device gpu(at::kCUDA, 0);
  EXPECT_EQ(make_cuda_graph_recorder(c10::Device(at::kCPU)), nullptr);
  EXPECT_EQ(why_not_graphed(network, c10::Device(at::kCPU), true, {}), "it is on the CPU");
  EXPECT_EQ(why_not_graphed(network, gpu, true, {}), "");
  EXPECT_NE(why_not_graphed(network, gpu, false, {}), "");
  EXPECT_NE(why_not_graphed(network, gpu, true, {.accumulate = 2}), "");
  TrainerOptions adapted;
  adapted.adaptation.probe = 0.5;
  EXPECT_NE(why_not_graphed(network, gpu, true, adapted), "");
  std::vector<Head> heads;
  for (const char* name : {"one", "two"}) heads.push_back({std::make_shared<toy::Regression>(name), std::make_unique<toy::Mlp>(kInputs, 5, 3)});
  EXPECT_NE(why_not_graphed(Network(nullptr, std::move(heads)), gpu, true, {}), "");
}

TEST(CudaGraphs, AreNoPartOfWhatIdentifiesATrainingAndReachItAsItsManner) {
  TrainerOptions options;
  options.cuda_graphs = true;
  EXPECT_EQ(to_json(options), to_json(TrainerOptions()));
  TrainerOptions taken;
  take_manner(taken, manner_to_json(options));
  EXPECT_TRUE(taken.cuda_graphs);
  EXPECT_TRUE(manner_to_json({}).empty());
}

}  // namespace
}  // namespace affinis::train
