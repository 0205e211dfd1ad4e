#include "framework/train/accumulation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include <c10/core/Allocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/networks.h"
#include "framework/train/loss_balancer.h"
#include "framework/train/task_gradients.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/balance_toy.h"
#include "tests/framework/train/thread_collective.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

constexpr std::int64_t kRows = 12;

/// Batches of 12 examples of which a third lack a task's labels, unevenly over the micro-batches. In every third batch "b" has none at all.
MadeSource twelve(std::int64_t batches, std::int64_t first = 0, std::int64_t count = kRows) {
  return {batches, [=](std::int64_t epoch, std::int64_t batch) {
            const auto at = static_cast<std::uint64_t>(epoch * batches + batch);
            RandomStream stream(5, "twelve", {at});
            std::vector<float> values(kRows * 6);
            for (float& each : values) each = static_cast<float>(stream.normal());
            const at::Tensor input = at::tensor(values).view({kRows, 6});
            const at::Tensor rows = input.narrow(0, first, count);
            std::vector<task::Batch> made;
            for (std::size_t t = 0; t < kTasks.size(); ++t) {
              const auto column = static_cast<std::int64_t>(t);
              const at::Tensor target = input.slice(1, column, column + 2) * (t == 1 ? -3 : 0.5) + 0.2;
              at::Tensor mask = at::ones({kRows, 2});
              // "a" lacks its labels at the beginning of the batch: whole micro-batches of it.
              for (std::int64_t row = 0; row < kRows; ++row) {
                if (t == 0 ? row < 4 : t == 1 && at % 3 == 2 ? true : stream.uniform() < 1.0 / 3) mask[row].zero_();
              }
              std::vector<std::int64_t> indices;
              for (std::int64_t row = first; row < first + count; ++row) indices.push_back(40 + row);
              made.push_back({rows, target.narrow(0, first, count), mask.narrow(0, first, count), indices});
            }
            return made;
          }};
}

TrainerOptions options_for(const std::string& balancer, std::int64_t accumulate, std::int64_t steps = 5) {
  TrainerOptions options;
  options.steps = steps;
  options.batch_size = kRows;
  options.accumulate = accumulate;
  options.optimizer = "sgd";
  options.learning_rate = 0.02;
  options.weight_decay = 0.01;
  options.evaluate_every = 1;
  options.balance.balancer = balancer;
  options.balance.balance_rate = 0.1;
  options.balance.tag = true;
  options.balance.tag_every = 2;
  return options;
}

struct Outcome {
  std::unique_ptr<Network> network;
  std::map<std::string, std::string> files;
  TrainingResult result;
};

Outcome sit(const TrainerOptions& options, const std::filesystem::path& folder = {}, double dropout = 0, std::int64_t stop_after = 0) {
  Outcome outcome;
  outcome.network = three_heads(dropout);
  MadeSource source = twelve(3);
  Logger logger;
  TrainerOutputs outputs{folder};
  outputs.stop_after = stop_after;
  outcome.result = train(*outcome.network, source, nullptr, options, outputs, logger);
  for (const char* name : {"balance.csv", "conflicts.csv", "tag.csv"}) {
    if (!folder.empty() && std::filesystem::exists(folder / name)) outcome.files[name] = read_file(folder / name);
  }
  return outcome;
}

/// Over all parameters.
double greatest_difference(const Network& a, const Network& b) {
  double greatest = 0;
  const std::vector<nn::NamedTensor> left = a.parameters();
  const std::vector<nn::NamedTensor> right = b.parameters();
  for (std::size_t i = 0; i < left.size(); ++i) {
    greatest = std::max(greatest, (left[i].tensor - right[i].tensor).abs().max().item<double>());
  }
  return greatest;
}

/// Every cell is equal: numbers within the tolerance of the greater of 1 and their size.
void expect_close(const std::string& csv, const std::string& expected, double tolerance, const std::string& what) {
  const std::vector<std::string> lines = split(csv, '\n');
  const std::vector<std::string> wanted = split(expected, '\n');
  ASSERT_EQ(lines.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::vector<std::string> cells = split(lines[i], ',');
    const std::vector<std::string> others = split(wanted[i], ',');
    ASSERT_EQ(cells.size(), others.size()) << what << " line " << i;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::optional<double> a = parse_real(cells[c]);
      const std::optional<double> b = parse_real(others[c]);
      ASSERT_EQ(a.has_value(), b.has_value()) << what << ": " << lines[i] << " instead of " << wanted[i];
      if (!a) {
        EXPECT_EQ(cells[c], others[c]) << what;
      } else {
        EXPECT_NEAR(*a, *b, tolerance * std::max(1.0, std::abs(*b))) << what << ": " << lines[i] << " instead of " << wanted[i];
      }
    }
  }
}

TEST(Accumulation, EveryBalancerTakesTheStepsOfTheWholeBatch) {
  const auto untrained = three_heads();
  double greatest = 0;
  for (const std::string& name : all_balancers()) {
    const TemporaryFolder folder;
    const Outcome whole = sit(options_for(name, 1), folder.path());
    ASSERT_EQ(whole.files.size(), 3u) << name;
    EXPECT_GT(greatest_difference(*whole.network, *untrained), 0.01) << name << " learnt nothing that could differ";
    for (const std::int64_t accumulate : {2, 4}) {
      const TemporaryFolder other;
      const Outcome parts = sit(options_for(name, accumulate), other.path());
      const double difference = greatest_difference(*whole.network, *parts.network);
      greatest = std::max(greatest, difference);
      EXPECT_LT(difference, 1e-5) << name << " in " << accumulate;
      for (const auto& [file, text] : whole.files) expect_close(parts.files.at(file), text, 1e-4, name + " " + file);
      for (std::size_t i = 0; i < whole.result.curve.size(); ++i) {
        EXPECT_NEAR(parts.result.curve[i].train_loss, whole.result.curve[i].train_loss, 1e-5) << name;
      }
    }
  }
  RecordProperty("greatest_difference", std::to_string(greatest));
}

TEST(Accumulation, SettingsOfBalancersHoldForTheWholeBatch) {
  const std::vector<std::pair<std::string, std::function<void(TrainerOptions&)>>> settings = {
      {"mgda", [](TrainerOptions& o) { o.balance.normalise = "loss+"; }},
      {"cagrad", [](TrainerOptions& o) { o.balance.gradients = "representation"; }},
      {"cagrad", [](TrainerOptions& o) { o.balance.balance_every = 2; }},
      {"gradnorm", [](TrainerOptions& o) { o.balance.balance_every = 2; }},
      {"nash", [](TrainerOptions& o) { o.balance.heads_first = 0.5; }},
      {"dtp", [](TrainerOptions& o) { o.balance.head_schedule = "proportional"; }},
      {"imtl", [](TrainerOptions& o) { o.balance.head_schedule = "round-robin"; }},
      {"fixed", [](TrainerOptions& o) { o.balance.weights = {"a=0.5", "b=0.2", "c=0.3"}; }},
      {"fixed", [](TrainerOptions& o) { o.balance.periods = {"a=2"}; }},
      {"uncertainty", [](TrainerOptions& o) { o.adaptation.l2_sp = 0.1; }},
  };
  for (const auto& [name, set] : settings) {
    TrainerOptions options = options_for(name, 1);
    set(options);
    const Outcome whole = sit(options);
    options.accumulate = 4;
    EXPECT_LT(greatest_difference(*whole.network, *sit(options).network), 1e-5) << name;
  }
}

TEST(Accumulation, ClippingSeesTheWholeGradient) {
  for (const char* name : {"fixed", "geometric", "gradnorm", "cagrad", "mgda-ub"}) {
    TrainerOptions options = options_for(name, 1, 1);
    options.weight_decay = 0;
    options.clip_norm = 0.05;
    const auto before = three_heads();
    const Outcome whole = sit(options);
    options.accumulate = 4;
    const Outcome parts = sit(options);
    EXPECT_LT(greatest_difference(*whole.network, *parts.network), 1e-6) << name;
    double squares = 0;
    const std::vector<nn::NamedTensor> start = before->parameters();
    const std::vector<nn::NamedTensor> end = parts.network->parameters();
    for (std::size_t i = 0; i < start.size(); ++i) squares += (end[i].tensor - start[i].tensor).square().sum().item<double>();
    EXPECT_NEAR(std::sqrt(squares), 0.05 * options.learning_rate, 1e-6) << name;
  }
}

TEST(Accumulation, EveryBalancerGoesOnBitForBit) {
  for (const std::string& name : all_balancers()) {
    TrainerOptions options = options_for(name, 4, 9);
    options.optimizer = "adam";
    options.clip_norm = 5;
    const TemporaryFolder whole;
    const TemporaryFolder parts;
    const Outcome once = sit(options, whole.path(), 0.2);
    for (const std::int64_t stop : {2, 7}) sit(options, parts.path(), 0.2, stop);
    const Outcome again = sit(options, parts.path(), 0.2);
    EXPECT_EQ(bytes_of(once.network->state()), bytes_of(again.network->state())) << name;
    EXPECT_EQ(once.files, again.files) << name;
  }
}

TEST(Accumulation, TwoRanksAreOneProcessWithTheWholeBatch) {
  for (const std::string& name : all_balancers()) {
    const Outcome alone = sit(options_for(name, 1));
    std::vector<std::unique_ptr<Network>> networks(2);
    ThreadRanks threads(2);
    threads.run([&](nn::Collective& collective) {
      set_threads(1);
      const auto rank = static_cast<std::size_t>(collective.rank());
      networks[rank] = three_heads();
      MadeSource source = collective.rank() == 0 ? twelve(3, 0, 5) : twelve(3, 5, 7);
      Logger logger;
      train(*networks[rank], source, nullptr, options_for(name, 4), {}, logger, {}, Ranks{&collective});
    });
    EXPECT_LT(greatest_difference(*alone.network, *networks[0]), 1e-5) << name;
    EXPECT_EQ(bytes_of(networks[0]->parameters()), bytes_of(networks[1]->parameters())) << name;
  }
}

/// What the trunk made of its inputs, pass after pass.
class Watched : public Mlp {
 public:
  using Mlp::Mlp;
  at::Tensor forward(const at::Tensor& input) override {
    at::Tensor output = Mlp::forward(input);
    seen.push_back(output.detach().clone());
    return output;
  }
  std::vector<at::Tensor> seen;
};

TEST(Accumulation, PassesOverTheSameBatchDrawTheSameDropoutAndMoveStatisticsOnce) {
  // Passes of a step in two micro-batches: none but one where no value of the step is needed for its weights.
  const std::map<std::string, std::size_t> passes = {{"dtp", 4}, {"geometric", 4}, {"famo", 6}, {"mgda-ub", 4}};
  std::string expected;
  for (const std::string& name : all_balancers()) {
    std::vector<Head> heads;
    for (const std::string& task : kTasks) heads.push_back({std::make_shared<Regression>(task, 2), std::make_unique<Mlp>(5, 6, 2, 0.3)});
    auto trunk = std::make_unique<Watched>(6, 8, 5, 0.5);
    const std::vector<at::Tensor>& seen = trunk->seen;
    Network network(std::move(trunk), std::move(heads));
    network.initialise(3);
    MadeSource source = twelve(3);
    TrainerOptions options = options_for(name, 2, 1);
    options.balance.tag = false;
    options.balance.conflicts = false;
    Logger logger;
    train(network, source, nullptr, options, {}, logger);
    ASSERT_EQ(seen.size(), passes.contains(name) ? passes.at(name) : 2) << name;
    EXPECT_FALSE(seen[0].equal(seen[1]));
    for (std::size_t i = 2; i < seen.size(); ++i) {
      // famo's last look is at other weights.
      const bool moved = name == "famo" && i >= 4;
      EXPECT_NE(seen[i].equal(seen[i % 2]), moved) << name << " pass " << i;
    }
    std::vector<nn::NamedTensor> statistics;
    for (const nn::NamedTensor& each : network.buffers()) {
      if (each.name.starts_with("trunk.")) statistics.push_back(each);
    }
    if (expected.empty()) expected = bytes_of(statistics);
    EXPECT_EQ(bytes_of(statistics), expected) << name;
  }
}

TEST(Accumulation, AHeadWithoutLabelsIsLeftAloneUnderEveryBalancer) {
  for (const std::string& name : all_balancers()) {
    const auto network = three_heads();
    MadeSource all = twelve(4);
    MadeSource source(4, [&](std::int64_t epoch, std::int64_t batch) {
      all.start(epoch, batch);
      std::vector<task::Batch> made = *all.next();
      made[1].mask = at::zeros({kRows, 2});
      // "b" has a label in one micro-batch of the first batch alone: moments, weights and decay would go on to move it otherwise.
      if (epoch == 0 && batch == 0) made[1].mask[7].fill_(1);
      return made;
    });
    const auto bytes_of_b = [&] {
      std::vector<nn::NamedTensor> own;
      for (const nn::NamedTensor& each : network->state()) {
        if (each.name.starts_with("heads.b.")) own.push_back(each);
      }
      return bytes_of(own);
    };
    const std::string before = bytes_of_b();
    std::string after_first;
    Logger logger;
    train(*network, source, nullptr, options_for(name, 4, 6), {}, logger, [&](std::int64_t step, std::int64_t, double) {
      if (step == 1) after_first = bytes_of_b();
    });
    EXPECT_NE(before, after_first) << name;
    EXPECT_EQ(bytes_of_b(), after_first) << name;
  }
}

TEST(Accumulation, ABatchWithoutAnyLabelMovesNothing) {
  for (const std::string& name : all_balancers()) {
    const auto network = three_heads();
    const std::string before = bytes_of(network->state());
    MadeSource all = twelve(1);
    MadeSource source(1, [&](std::int64_t, std::int64_t) {
      all.start(0, 0);
      std::vector<task::Batch> made = *all.next();
      for (task::Batch& each : made) each.mask = at::zeros({kRows, 2});
      return made;
    });
    Logger logger;
    train(*network, source, nullptr, options_for(name, 4, 2), {}, logger);
    EXPECT_EQ(bytes_of(network->state()), before) << name;
  }
}

TEST(Accumulation, ABadLossNamesItsSampleBeforeAnyWeightMoves) {
  for (const char* name : {"fixed", "geometric", "cagrad", "mgda-ub", "gradnorm"}) {
    const auto network = three_heads();
    MadeSource all = twelve(4);
    MadeSource source(4, [&](std::int64_t epoch, std::int64_t batch) {
      all.start(epoch, batch);
      std::vector<task::Batch> made = *all.next();
      if (batch == 1) {
        made[2].target = made[2].target.clone();
        made[2].mask[10].fill_(1);
        made[2].target[10].fill_(std::numeric_limits<float>::infinity());
      }
      return made;
    });
    std::string weights;
    Logger logger;
    const std::string sentence = sentence_of([&] {
      train(*network, source, nullptr, options_for(name, 4), {}, logger,
            [&](std::int64_t, std::int64_t, double) { weights = bytes_of(network->parameters()); });
    });
    EXPECT_THAT(sentence, HasSubstr("the loss of the task 'c' is infinite at step 2 (sample house/room/50)")) << name;
    EXPECT_EQ(bytes_of(network->parameters()), weights) << name;
  }
}

TEST(Accumulation, RanksStopTogetherAtABadLoss) {
  std::vector<std::string> sentences(2);
  ThreadRanks threads(2);
  threads.run([&](nn::Collective& collective) {
    set_threads(1);
    const auto network = three_heads();
    MadeSource share = collective.rank() == 0 ? twelve(3, 0, 6) : twelve(3, 6, 6);
    MadeSource source(3, [&](std::int64_t epoch, std::int64_t batch) {
      share.start(epoch, batch);
      std::vector<task::Batch> made = *share.next();
      if (collective.rank() == 1) {
        made[2].target = made[2].target.clone();
        made[2].mask[5].fill_(1);
        made[2].target[5].fill_(std::numeric_limits<float>::infinity());
      }
      return made;
    });
    Logger logger;
    sentences[static_cast<std::size_t>(collective.rank())] =
        sentence_of([&] { train(*network, source, nullptr, options_for("nash", 2), {}, logger, {}, Ranks{&collective}); });
  });
  EXPECT_THAT(sentences[1], HasSubstr("sample house/room/51"));
  EXPECT_THAT(sentences[0], HasSubstr("another rank"));
}

/// 20 rows in batches of 8: the last one has 4, and so two micro-batches instead of four. A single head, as most networks have.
TEST(Accumulation, AnIncompleteBatchHasFewerMicroBatches) {
  const auto trained = [](std::int64_t accumulate) {
    auto network = made_network();
    const auto source = make_tensor_source(made_set(), 8, true, 1);
    TrainerOptions options{.steps = 7, .batch_size = 8, .optimizer = "sgd", .learning_rate = 0.05};
    options.accumulate = accumulate;
    Logger logger;
    train(*network, *source, nullptr, options, {}, logger);
    return network;
  };
  const auto whole = trained(1);
  EXPECT_GT(greatest_difference(*whole, *made_network()), 0.01);
  for (const std::int64_t accumulate : {2, 4, 8}) EXPECT_LT(greatest_difference(*whole, *trained(accumulate)), 1e-6) << accumulate;
}

TEST(MicroBatches, ShareRowsOutWithTheirLabelsAndNames) {
  MadeSource source = twelve(3);
  source.start(0, 0);
  const std::vector<task::Batch> batches = *source.next();
  const DataParallel alone{Ranks{}};
  const std::vector<BatchPart> parts = micro_batches(batches, 4, alone);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[1].batches[0].indices, (std::vector<std::int64_t>{44, 45, 46, 47}));
  EXPECT_TRUE(parts[1].batches[2].target.equal(batches[2].target.narrow(0, 4, 4)));
  // "a" has no label among the first four.
  EXPECT_FALSE(parts[0].inputs[0].defined());
  EXPECT_EQ(parts[0].labels[0].here, 0);
  EXPECT_EQ(parts[1].labels[0].here, 4);
  EXPECT_EQ(parts[0].labels[0].everywhere, 8);
  EXPECT_TRUE(parts[1].inputs[0].is_same(parts[1].inputs[2]));
  EXPECT_EQ(parts[1].inputs[0].const_data_ptr(), batches[0].input.narrow(0, 4, 4).const_data_ptr()) << "rows were copied";
  // Not more parts than rows, and none of more than was asked for.
  EXPECT_EQ(micro_batches(batches, 1, alone).size(), 12u);
  EXPECT_EQ(micro_batches(batches, 5, alone).size(), 3u);
  EXPECT_EQ(micro_batches(batches, 100, alone).size(), 1u);
}

/// A trunk of so many parameters that three gradients of it do not fit into 1 MiB: blocks of one.
TEST(Accumulation, GradientsThatDoNotFitAreMadeInBlocks) {
  const auto made = [] {
    std::vector<Head> heads;
    for (const std::string& task : kTasks) heads.push_back({std::make_shared<Regression>(task, 2), std::make_unique<Mlp>(5, 6, 2)});
    auto network = std::make_unique<Network>(std::make_unique<Mlp>(6, 8000, 5), std::move(heads));
    network->initialise(3);
    return network;
  };
  for (const char* name : {"cagrad", "nash", "gradvac"}) {
    const auto trained = [&](std::int64_t memory, std::int64_t accumulate) {
      auto network = made();
      MadeSource source = twelve(3);
      TrainerOptions options = options_for(name, accumulate, 3);
      options.learning_rate = 1e-3;
      options.balance.gradient_memory = memory;
      options.balance.conflicts = false;
      options.balance.tag = false;
      Logger logger;
      train(*network, source, nullptr, options, {}, logger);
      return network;
    };
    const auto whole = trained(1024, 1);
    EXPECT_GT(greatest_difference(*whole, *made()), 1e-3) << name;
    EXPECT_LT(greatest_difference(*whole, *trained(1024, 4)), 1e-5) << name;
    EXPECT_LT(greatest_difference(*whole, *trained(1, 4)), 1e-5) << name;
  }
  BalanceOptions options;
  options.balancer = "cagrad";
  options.gradient_memory = 1;
  EXPECT_EQ(gradient_forecast(options, *made(), 4),
            "gradients of 3 tasks by 96005 shared parameters: 750.0 KiB held at once, 7 passes back through the trunk for each of 4 "
            "micro-batches, each passed forward 7 times, a step");
}

TEST(AccumulatedRows, CountWhatIsHeldAndPassed) {
  const AccumulatedRows fits = accumulated_rows(5, 100, 500);
  EXPECT_EQ(fits.held, 5);
  EXPECT_EQ(fits.rounds, 1);
  EXPECT_EQ(fits.passes, 5);
  // Blocks of two: (0 1) with (2 3) and (4), (2 3) with (4), (4): six rounds and the weighted one.
  const AccumulatedRows blocks = accumulated_rows(5, 100, 499);
  EXPECT_EQ(blocks.block, 2);
  EXPECT_EQ(blocks.held, 4);
  EXPECT_EQ(blocks.rounds, 7);
  EXPECT_EQ(blocks.passes, 5 + 3 + 1 + 1);
  EXPECT_EQ(accumulated_rows(5, 100, 1).block, 1);
}

TEST(Accumulation, ForecastsWhatMicroBatchesAdd) {
  const auto network = three_heads();
  BalanceOptions options;
  EXPECT_EQ(gradient_forecast(options, *network, 4), "");
  options.balancer = "famo";
  EXPECT_EQ(gradient_forecast(options, *network), "");
  EXPECT_EQ(gradient_forecast(options, *network, 4),
            "the weights of 'famo' need the losses of the whole batch: its 4 micro-batches are passed forward once more a step");
  options.balancer = "mgda-ub";
  EXPECT_THAT(gradient_forecast(options, *network, 4), HasSubstr("one more pass forward of its 4 micro-batches"));
  options.balancer = "cagrad";
  EXPECT_EQ(gradient_forecast(options, *network, 4),
            "gradients of 3 tasks by 101 shared parameters: 1.2 KiB held at once, 3 passes back through the trunk for each of 4 "
            "micro-batches, a step");
}

TEST(AccumulateOption, IsRefusedWhereItMeansNothing) {
  const auto refused = [](const std::function<void(TrainerOptions&)>& change) {
    TrainerOptions options;
    options.batch_size = 12;
    options.accumulate = 4;
    change(options);
    return sentence_of([&] { validate(options); });
  };
  EXPECT_EQ(refused([](TrainerOptions&) {}), "");
  EXPECT_THAT(refused([](TrainerOptions& o) { o.accumulate = 0; }), HasSubstr("accumulate"));
  EXPECT_THAT(refused([](TrainerOptions& o) { o.accumulate = 5; }), HasSubstr("accumulate is 5, which does not divide a batch_size of 12"));
  EXPECT_THAT(refused([](TrainerOptions& o) { o.adversarial_weight = 0.1; }), HasSubstr("adversarial_weight to 0"));
  EXPECT_THAT(refused([](TrainerOptions& o) { o.adaptation.delta = 0.1; }), HasSubstr("delta looks at whole batches only"));
  EXPECT_THAT(refused([](TrainerOptions& o) { o.adaptation.bss = 0.1; }), HasSubstr("bss looks at whole batches only"));

  std::vector<std::string> sentences(2);
  ThreadRanks threads(2);
  threads.run([&](nn::Collective& collective) {
    const auto network = three_heads();
    MadeSource source = collective.rank() == 0 ? twelve(3, 0, 6) : twelve(3, 6, 6);
    Logger logger;
    sentences[static_cast<std::size_t>(collective.rank())] =
        sentence_of([&] { train(*network, source, nullptr, options_for("fixed", 12), {}, logger, {}, Ranks{&collective}); });
  });
  for (const std::string& each : sentences) EXPECT_THAT(each, HasSubstr("fewer examples than there are ranks (2)"));
}

TEST(AccumulateOption, IsLeftOutOfIdentitiesAtItsDefault) {
  TrainerOptions options;
  EXPECT_FALSE(to_json(options).contains("accumulate"));
  options.accumulate = 2;
  EXPECT_EQ(to_json(options).at("accumulate"), 2);
  EXPECT_EQ(trainer_options_from_json(to_json(options)).accumulate, 2);
}

/// Counts the bytes that tensors on the CPU hold. One for good: what is left of them must be able to give itself back.
class CountingAllocator : public c10::Allocator {
 public:
  static CountingAllocator& only() {
    static auto* one = new CountingAllocator;
    return *one;
  }
  c10::DataPtr allocate(std::size_t bytes) override {
    void* const data = inner_.raw_allocate(bytes);
    sizes_[data] = static_cast<std::int64_t>(bytes);
    now_ += static_cast<std::int64_t>(bytes);
    peak = std::max(peak, now_);
    return {data, data, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

  std::int64_t peak = 0;

 private:
  static void give_back(void* data) {
    CountingAllocator& own = only();
    own.now_ -= own.sizes_[data];
    own.sizes_.erase(data);
    own.inner_.raw_deallocate(data);
  }

  c10::Allocator& inner_ = *c10::GetAllocator(c10::DeviceType::CPU);
  std::map<void*, std::int64_t> sizes_;
  std::int64_t now_ = 0;
};

class Dense : public Regression {
 public:
  explicit Dense(std::string name) : Regression(std::move(name), 1) {}
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return (prediction - batch.target).abs().mean({1, 2, 3});
  }
};

/// Most bytes that tensors held during two steps of an encoder with two decoders.
std::int64_t peak_of(const std::string& balancer, std::int64_t accumulate) {
  CountingAllocator& counting = CountingAllocator::only();
  std::vector<Head> heads;
  for (const char* task : {"a", "b"}) heads.push_back({std::make_shared<Dense>(task), nn::make_dense_decoder({.width = 8})});
  Network network(nn::make_encoder({.width = 8}), std::move(heads));
  network.initialise(2);
  MadeSource source(2, [](std::int64_t, std::int64_t batch) {
    const at::Tensor input = at::arange(16 * 3 * 64 * 64, at::kFloat).mul(0.13 + 0.01 * static_cast<double>(batch)).sin().view({16, 3, 64, 64});
    std::vector<task::Batch> made;
    for (std::int64_t t = 0; t < 2; ++t) made.push_back({input, input.narrow(1, t, 1) * 0.5 + 0.3, {}, {}});
    return made;
  });
  TrainerOptions options = options_for(balancer, accumulate, 2);
  options.batch_size = 16;
  options.balance.tag = false;
  options.balance.conflicts = false;
  Logger logger;
  c10::Allocator* const before = c10::GetAllocator(c10::DeviceType::CPU);
  c10::SetAllocator(c10::DeviceType::CPU, &counting, 255);
  counting.peak = 0;
  train(network, source, nullptr, options, {}, logger);
  c10::SetAllocator(c10::DeviceType::CPU, before, 255);
  return counting.peak;
}

TEST(Accumulation, OneMicroBatchesActivationsAloneAreInMemory) {
  for (const char* name : {"fixed", "geometric", "gradnorm", "cagrad", "mgda-ub"}) {
    const std::int64_t whole = peak_of(name, 1);
    const std::int64_t parts = peak_of(name, 8);
    RecordProperty(std::string(name) + "_whole", std::to_string(whole));
    RecordProperty(std::string(name) + "_parts", std::to_string(parts));
    EXPECT_LT(static_cast<double>(parts), 0.45 * static_cast<double>(whole)) << name << ": " << parts << " of " << whole << " bytes";
  }
}

}  // namespace
}  // namespace affinis::train
