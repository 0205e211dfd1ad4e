#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/train/balance/gradient_weights.h"
#include "framework/train/loss_balancer.h"
#include "framework/train/optimizer.h"
#include "framework/train/task_affinity.h"
#include "framework/train/task_gradients.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/balance_toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

TrainerOptions options_for(const std::string& balancer, std::int64_t steps) {
  TrainerOptions options;
  options.steps = steps;
  options.learning_rate = 0.01;
  options.weight_decay = 0.01;
  options.clip_norm = 5;
  options.evaluate_every = 5;
  options.balance.balancer = balancer;
  return options;
}

struct Outcome {
  std::string weights;
  std::map<std::string, std::string> files;
  TrainingResult result;
};

Outcome sit(const TrainerOptions& options, const std::filesystem::path& folder, double missing = 0, std::int64_t stop_after = 0) {
  const auto network = three_heads(0.2);
  MadeSource training = three_tasks(6, missing);
  MadeSource validation = three_tasks(2);
  Logger logger;
  Outcome outcome;
  TrainerOutputs outputs{folder};
  outputs.stop_after = stop_after;
  outcome.result = train(*network, training, &validation, options, outputs, logger);
  outcome.weights = bytes_of(network->state());
  for (const char* name : {"balance.csv", "conflicts.csv", "tag.csv"}) {
    if (!folder.empty() && std::filesystem::exists(folder / name)) outcome.files[name] = read_file(folder / name);
  }
  return outcome;
}

std::vector<std::vector<std::string>> rows_of(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) rows.push_back(split(line, ','));
  return rows;
}

/// One step's losses and representations.
struct Step {
  std::vector<at::Tensor> losses;
  std::vector<double> values;
  std::vector<at::Tensor> representations;

  Step(Network& network, const std::vector<task::Batch>& batches) {
    std::vector<at::Tensor> inputs;
    for (const task::Batch& each : batches) inputs.push_back(each.input);
    const std::vector<at::Tensor> predictions = network.forward_all(inputs, &representations);
    for (std::size_t h = 0; h < batches.size(); ++h) {
      losses.push_back(predictions[h].defined() ? network.heads()[h].task->loss(predictions[h], batches[h]) : at::Tensor());
      values.push_back(losses[h].defined() ? losses[h].item<double>() : std::nan(""));
    }
    whole_.emplace(losses, values, representations, network, alone_);
  }
  BalanceStep seen(std::int64_t step = 0) const { return {step, false, *whole_}; }

 private:
  const DataParallel alone_{Ranks{}};
  mutable std::optional<WholeBatch> whole_;
};

std::vector<task::Batch> one_batch() {
  MadeSource source = three_tasks(1);
  source.start(0, 0);
  return *source.next();
}

at::Tensor flat_gradient(const std::vector<nn::NamedTensor>& parameters, const std::string& prefix) {
  std::vector<at::Tensor> parts;
  for (const nn::NamedTensor& each : parameters) {
    if (each.name.starts_with(prefix)) parts.push_back(each.tensor.grad().detach().clone().reshape({-1}));
  }
  return at::cat(parts);
}

/// Each task's gradient by a plain backward pass.
std::vector<at::Tensor> plain_gradients(Network& network, const std::vector<task::Batch>& batches, const std::string& prefix) {
  std::vector<at::Tensor> gradients;
  for (std::size_t h = 0; h < batches.size(); ++h) {
    for (const nn::NamedTensor& each : network.parameters()) each.tensor.mutable_grad().reset();
    Step(network, batches).losses[h].backward();
    gradients.push_back(flat_gradient(network.parameters(), prefix.empty() ? "heads." + kTasks[h] + "." : prefix));
  }
  for (const nn::NamedTensor& each : network.parameters()) each.tensor.mutable_grad().reset();
  return gradients;
}

TEST(TaskGradients, GramianIsThatOfPlainBackwardPassesWhateverFits) {
  const auto network = three_heads();
  const std::vector<task::Batch> batches = one_batch();
  const std::vector<at::Tensor> plain = plain_gradients(*network, batches, "trunk.");
  const DataParallel alone{Ranks{}};
  const std::int64_t row = plain.front().numel() * 4;
  for (const std::int64_t bytes : {row * 3, row * 2, std::int64_t{1}}) {
    const Step step(*network, batches);
    TaskGradients gradients(step.losses, step.representations, *network, alone, false);
    EXPECT_TRUE(gradients.trunk_learns());
    const Gramian gramian = gradients.gramian(bytes);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        EXPECT_NEAR(gramian(i, j), (plain[i].to(at::kDouble) * plain[j].to(at::kDouble)).sum().item<double>(), 1e-6);
      }
    }
    const std::vector<double> weights = {0.2, -0.5, 1.3};
    gradients.apply(weights, std::vector<double>{1, 1, 0.5});
    const at::Tensor expected = plain[0] * 0.2 - plain[1] * 0.5 + plain[2] * 1.3;
    EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "trunk."), expected, 1e-5, 1e-6));
    const std::vector<at::Tensor> heads = plain_gradients(*network, batches, "");
    const Step again(*network, batches);
    TaskGradients more(again.losses, again.representations, *network, alone, false);
    more.apply(weights, std::vector<double>{1, 1, 0.5});
    EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "heads.a."), heads[0], 1e-5, 1e-7));
    EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "heads.c."), heads[2] * 0.5, 1e-5, 1e-7));
  }
}

TEST(TaskGradients, NothingIsLeftInParametersBeforeApply) {
  const auto network = three_heads();
  const Step step(*network, one_batch());
  const DataParallel alone{Ranks{}};
  TaskGradients gradients(step.losses, step.representations, *network, alone, true);
  gradients.gramian(1 << 20);
  gradients.representation_gramian();
  for (const nn::NamedTensor& each : network->parameters()) EXPECT_FALSE(each.tensor.grad().defined()) << each.name;
  // The graph is kept: a plain backward pass follows.
  step.losses[0].backward();
  EXPECT_TRUE(network->parameters().front().tensor.grad().defined());
}

TEST(TaskGradients, RepresentationGradientsNeedOneRepresentation) {
  const auto network = three_heads();
  std::vector<task::Batch> batches = one_batch();
  batches[1].input = batches[1].input.clone();
  const Step step(*network, batches);
  const DataParallel alone{Ranks{}};
  TaskGradients gradients(step.losses, step.representations, *network, alone, false);
  EXPECT_THAT(sentence_of([&] { gradients.representation_gramian(); }), HasSubstr("train tasks with equal inputs"));
  // By the trunk's parameters any inputs will do.
  EXPECT_EQ(gradients.gramian(1 << 20).tasks(), 3u);
}

TEST(TaskGradients, RepresentationGramianIsThatOfPlainGradients) {
  const auto network = three_heads();
  const std::vector<task::Batch> batches = one_batch();
  const DataParallel alone{Ranks{}};
  const Step step(*network, batches);
  const Gramian gramian = TaskGradients(step.losses, step.representations, *network, alone, true).representation_gramian();
  std::vector<at::Tensor> plain;
  for (std::size_t h = 0; h < 3; ++h) {
    plain.push_back(torch::autograd::grad({step.losses[h]}, {step.representations[h]}, {}, true).front().to(at::kDouble));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(gramian(i, j), (plain[i] * plain[j]).sum().item<double>(), 1e-6 * std::max(1.0, gramian(i, i)));
  }
}

TEST(LossBalancer, TheDefaultIsTheMeanBitForBit) {
  const Outcome trained = sit(options_for("fixed", 7), {});
  const auto network = three_heads(0.2);
  TrainerOptions options = options_for("fixed", 7);
  Optimizer optimizer(options, network->parameters());
  MadeSource source = three_tasks(6);
  for (std::int64_t step = 0; step < 7; ++step) {
    if (step % 6 == 0) source.start(step / 6, 0);
    at::manual_seed(derive_seed(static_cast<std::uint64_t>(options.seed), "step", {static_cast<std::uint64_t>(step)}));
    const Step made(*network, *source.next());
    optimizer.zero_gradients();
    ((made.losses[0] + made.losses[1] + made.losses[2]) / 3.0).backward();
    const double norm = optimizer.gradient_norm();
    if (norm > options.clip_norm) optimizer.scale_gradients(options.clip_norm / (norm + 1e-6));
    optimizer.step(options.learning_rate);
  }
  EXPECT_EQ(trained.weights, bytes_of(network->state()));
}

TEST(LossBalancer, GivenWeightsMultiplyLosses) {
  const auto network = three_heads();
  BalanceOptions options;
  options.weights = {"c=0.5", "a=0.2", "b = 0.3"};
  Logger logger;
  const auto balancer = make_balancer(options, *network, 1, logger);
  const std::vector<task::Batch> batches = one_batch();
  const std::vector<at::Tensor> plain = plain_gradients(*network, batches, "trunk.");
  const Step step(*network, batches);
  balancer->backward(step.seen());
  EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "trunk."), plain[0] * 0.2 + plain[1] * 0.3 + plain[2] * 0.5, 1e-5, 1e-6));
  EXPECT_EQ(balancer->weights(), (std::vector<double>{0.2, 0.3, 0.5}));
}

TEST(LossBalancer, GradientMethodsWeighTheTrunkAndLeaveHeadsTheirOwn) {
  const auto network = three_heads();
  const std::vector<task::Batch> batches = one_batch();
  const std::vector<at::Tensor> trunk = plain_gradients(*network, batches, "trunk.");
  const std::vector<at::Tensor> heads = plain_gradients(*network, batches, "");
  std::vector<double> products;
  for (const at::Tensor& a : trunk) {
    for (const at::Tensor& b : trunk) products.push_back((a.to(at::kDouble) * b.to(at::kDouble)).sum().item<double>());
  }
  const Gramian gramian(3, products);
  const std::map<std::string, std::vector<double>> expected = {
      {"imtl", imtl_weights(gramian)},     {"cagrad", cagrad_weights(gramian, 0.4).weights}, {"nash", nash_weights(gramian)},
      {"upgrad", upgrad_weights(gramian)}, {"mgda", mgda_weights(gramian, std::vector<double>(3, 1.0), GradientScale::kNone)},
  };
  Logger logger;
  for (const auto& [name, weights] : expected) {
    for (const nn::NamedTensor& each : network->parameters()) each.tensor.mutable_grad().reset();
    BalanceOptions options;
    options.balancer = name;
    const auto balancer = make_balancer(options, *network, 1, logger);
    const Step step(*network, batches);
    balancer->backward(step.seen());
    const at::Tensor direction = trunk[0] * weights[0] + trunk[1] * weights[1] + trunk[2] * weights[2];
    EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "trunk."), direction, 1e-4, 1e-5)) << name;
    for (std::size_t h = 0; h < 3; ++h) {
      EXPECT_TRUE(at::allclose(flat_gradient(network->parameters(), "heads." + kTasks[h] + "."), heads[h], 1e-5, 1e-7)) << name;
    }
  }
}

TEST(LossBalancer, EveryBalancerLearnsAndTellsItsWeights) {
  for (const std::string& name : all_balancers()) {
    const TemporaryFolder folder;
    const Outcome outcome = sit(options_for(name, 60), folder.path());
    EXPECT_LT(outcome.result.curve.back().train_loss, 0.8 * outcome.result.curve.front().train_loss) << name;
    const auto rows = rows_of(outcome.files.at("balance.csv"));
    EXPECT_EQ(rows.front(), (std::vector<std::string>{"step", "task", "weight", "loss", "gradient_norm"})) << name;
    ASSERT_EQ(rows.size(), 1u + 12 * 3) << name;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      EXPECT_TRUE(parse_real(rows[i][2]).has_value()) << name;
      // A head that rests has none.
      EXPECT_GT(parse_real(rows[i][4]).value_or(name == "dynamic" ? 1 : 0), 0) << name;
    }
    const auto pairs = rows_of(outcome.files.at("conflicts.csv"));
    EXPECT_EQ(pairs.front(), (std::vector<std::string>{"step", "task_a", "task_b", "cosine"}));
    for (std::size_t i = 1; i < pairs.size(); ++i) EXPECT_LE(std::abs(parse_real(pairs[i][3]).value_or(2)), 1) << name;
    EXPECT_GE(pairs.size(), 2u) << name;
  }
}

TEST(LossBalancer, EveryBalancerGoesOnBitForBit) {
  for (const std::string& name : all_balancers()) {
    TrainerOptions options = options_for(name, 23);
    options.balance.tag = name == "fixed" || name == "famo";
    options.balance.tag_every = 3;
    options.balance.head_patience = 2;
    const TemporaryFolder whole;
    const TemporaryFolder parts;
    const Outcome once = sit(options, whole.path(), 0.2);
    for (const std::int64_t stop : {4, 11, 18}) sit(options, parts.path(), 0.2, stop);
    const Outcome again = sit(options, parts.path(), 0.2);
    EXPECT_EQ(once.weights, again.weights) << name;
    EXPECT_EQ(once.files, again.files) << name;
  }
}

/// Every way of saying which heads learn when, with every balancer that it goes together with.
TEST(LossBalancer, EveryHeadScheduleGoesOnBitForBitUnderEveryBalancer) {
  const std::vector<std::pair<std::string, std::function<void(BalanceOptions&)>>> schedules = {
      {"round-robin", [](BalanceOptions& o) { o.head_schedule = "round-robin"; }},
      {"proportional", [](BalanceOptions& o) { o.head_schedule = "proportional"; }},
      {"periods", [](BalanceOptions& o) { o.periods = {"a=2", "b=3"}; }},
      {"heads_first", [](BalanceOptions& o) { o.heads_first = 0.5; }},
      {"rates", [](BalanceOptions& o) { o.rates = {"a=0.5", "c=3"}; }},
      {"head_patience", [](BalanceOptions& o) { o.head_patience = 1; }},
      {"balance_every", [](BalanceOptions& o) { o.balance_every = 3; }},
  };
  for (const std::string& name : all_balancers()) {
    for (const auto& [schedule, apply] : schedules) {
      TrainerOptions options = options_for(name, 14);
      options.evaluate_every = 2;
      apply(options.balance);
      if (name == "dynamic" && (schedule == "round-robin" || schedule == "proportional" || schedule == "periods")) {
        EXPECT_THAT(sentence_of([&] { validate(options.balance, kTasks); }), HasSubstr("leave head_schedule and periods out"));
        continue;
      }
      const TemporaryFolder whole;
      const TemporaryFolder parts;
      const Outcome once = sit(options, whole.path(), 0.2);
      for (const std::int64_t stop : {5, 8}) sit(options, parts.path(), 0.2, stop);
      const Outcome again = sit(options, parts.path(), 0.2);
      EXPECT_EQ(once.weights, again.weights) << name << " with " << schedule;
      EXPECT_EQ(once.files, again.files) << name << " with " << schedule;
    }
  }
}

/// What one step of plain gradient descent without decay does to the trunk.
at::Tensor trunk_step(const std::string& balancer, const std::string& precision, double clip_norm) {
  const auto network = three_heads();
  const auto flat = [&] {
    std::vector<at::Tensor> parts;
    for (const nn::NamedTensor& each : network->parameters()) {
      if (each.name.starts_with("trunk.")) parts.push_back(each.tensor.detach().clone().reshape({-1}).to(at::kDouble));
    }
    return at::cat(parts);
  };
  MadeSource source = three_tasks(1);
  TrainerOptions options = options_for(balancer, 1);
  options.optimizer = "sgd";
  options.momentum = 0;
  options.weight_decay = 0;
  options.learning_rate = 1;
  options.precision = precision;
  options.clip_norm = clip_norm;
  const at::Tensor before = flat();
  Logger logger;
  train(*network, source, nullptr, options, {}, logger);
  return flat() - before;
}

/// What is rounded is activations: gradients, their products and the weights made of them are not.
TEST(LossBalancer, Bfloat16TakesTheSameStepUnderEveryBalancerClippedOrNot) {
  for (const std::string& name : all_balancers()) {
    for (const double clip_norm : {0.0, 0.05}) {
      const at::Tensor exact = trunk_step(name, "fp32", clip_norm);
      const at::Tensor rounded = trunk_step(name, "bf16", clip_norm);
      const double length = exact.norm().item<double>();
      ASSERT_GT(length, 0) << name;
      EXPECT_FALSE(exact.equal(rounded)) << name;
      EXPECT_GT((exact * rounded).sum().item<double>() / (length * rounded.norm().item<double>()), 0.999) << name << " clipped to " << clip_norm;
      EXPECT_NEAR(rounded.norm().item<double>() / length, 1, 0.02) << name << " clipped to " << clip_norm;
      if (clip_norm > 0) {
        EXPECT_LE(length, clip_norm * 1.0001) << name;
      }
    }
  }
}

TEST(LossBalancer, FilesOfALostSittingAreWrittenAgain) {
  const TrainerOptions options = options_for("cagrad", 23);
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  const Outcome once = sit(options, whole.path());
  sit(options, parts.path(), 0, 11);
  // As if it had gone on to step 20 and crashed there, in the middle of a line.
  for (const char* name : {"balance.csv", "conflicts.csv"}) {
    const std::string text = read_file(parts.path() / name);
    write_file_atomically(parts.path() / name, text + "15,a,0.1,2,3\n20,a,b");
  }
  EXPECT_EQ(sit(options, parts.path()).files, once.files);
}

TEST(LossBalancer, ThirtyPercentOfLabelsMissingGiveSensibleWeights) {
  for (const std::string& name : all_balancers()) {
    const TemporaryFolder folder;
    const Outcome outcome = sit(options_for(name, 200), folder.path(), 0.3);
    const auto rows = rows_of(outcome.files.at("balance.csv"));
    double greatest = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const std::optional<double> weight = parse_real(rows[i][2]);
      ASSERT_TRUE(weight.has_value()) << name << " " << join(rows[i], ",");
      greatest = std::max(greatest, std::abs(*weight));
    }
    EXPECT_GT(greatest, 0.01) << name;
    EXPECT_LT(greatest, 1e4) << name;
    EXPECT_LT(outcome.result.curve.back().validation_loss, outcome.result.curve.front().validation_loss) << name;
  }
}

TEST(LossBalancer, AHeadWithoutLabelsIsLeftAloneUnderEveryBalancer) {
  for (const std::string& name : all_balancers()) {
    const auto network = three_heads();
    MadeSource all = three_tasks(4);
    MadeSource source(4, [&](std::int64_t epoch, std::int64_t batch) {
      all.start(epoch, batch);
      std::vector<task::Batch> made = *all.next();
      // "b" has labels in the first batch alone: moments, weights and decay would go on to move it otherwise.
      if (epoch > 0 || batch > 0) made[1].mask = at::zeros({6, 2});
      return made;
    });
    Logger logger;
    std::string after_first;
    const auto bytes_of_b = [&] {
      std::vector<nn::NamedTensor> own;
      for (const nn::NamedTensor& each : network->state()) {
        if (each.name.starts_with("heads.b.")) own.push_back(each);
      }
      return bytes_of(own);
    };
    const std::string before = bytes_of_b();
    train(*network, source, nullptr, options_for(name, 10), {}, logger, [&](std::int64_t step, std::int64_t, double) {
      if (step == 1) after_first = bytes_of_b();
    });
    EXPECT_NE(before, after_first) << name;
    EXPECT_EQ(bytes_of_b(), after_first) << name;
  }
}

TEST(LossBalancer, WeightsOfAnAbsentTaskStay) {
  Logger logger;
  for (const std::string& name : {std::string("uncertainty"), std::string("gradnorm"), std::string("imtl-l"), std::string("famo"),
                                  std::string("dtp"), std::string("gradvac")}) {
    const auto network = three_heads();
    BalanceOptions options;
    options.balancer = name;
    options.gradvac_rate = 0.5;
    const auto balancer = make_balancer(options, *network, 1, logger);
    std::vector<task::Batch> batches = one_batch();
    const auto learn = [&](std::int64_t at) {
      const Step step(*network, batches);
      balancer->backward(step.seen(at));
      if (balancer->looks_back()) {
        std::vector<double> values = step.values;
        values[0] *= 0.5;
        balancer->look_back(step.seen(at), values);
      }
    };
    learn(0);
    const nlohmann::json before = balancer->state();
    batches[1].input = at::Tensor();
    learn(1);
    learn(2);
    const nlohmann::json after = balancer->state();
    // The losses are the same ones, and so is what DTP makes of them.
    if (name != "dtp") {
      EXPECT_NE(before, after) << name;
    }
    for (const auto& [key, list] : before.items()) {
      if (key == "adam") {
        for (const auto& [part, values] : list.items()) EXPECT_EQ(values[1], after[key][part][1]) << name << " " << key;
      } else if (key == "targets") {
        for (const std::size_t at : {1u, 3u, 5u, 7u}) EXPECT_EQ(list[at], after[key][at]) << name;
      } else {
        EXPECT_EQ(list[1], after[key][1]) << name << " " << key;
      }
    }
  }
}

TEST(LossBalancer, UncertaintyExplainsItsNegativeTotal) {
  class Messages : public LogSink {
   public:
    explicit Messages(std::string& text) : text_(text) {}
    void event(LogLevel, const std::string& message, const nlohmann::json&) override { text_ += message + "\n"; }
    void progress(const std::string&, double, double, const std::string&) override {}
    void progress_end(const std::string&) override {}

   private:
    std::string& text_;
  };
  std::string text;
  Logger logger;
  logger.add_sink(std::make_unique<Messages>(text));
  const auto network = three_heads();
  MadeSource source = three_tasks(6);
  TrainerOptions options = options_for("uncertainty", 300);
  options.balance.balance_rate = 0.2;
  train(*network, source, nullptr, options, {}, logger);
  EXPECT_THAT(text, HasSubstr("fell below 0"));
  EXPECT_EQ(text.find("fell below 0"), text.rfind("fell below 0"));
}

/// sum exp(s_i) L_i - s_i: Adam's first step is as long as its rate, its second one by hand.
TEST(LossBalancer, ImtlLearnsItsScalesByTheFormula) {
  const auto network = three_heads();
  BalanceOptions options;
  options.balancer = "imtl-l";
  options.balance_rate = 0.1;
  Logger logger;
  const auto balancer = make_balancer(options, *network, 1, logger);
  const std::vector<task::Batch> batches = one_batch();
  std::vector<double> first(3);
  std::vector<double> s(3, 0.0);
  for (std::int64_t at = 0; at < 3; ++at) {
    const Step step(*network, batches);
    balancer->backward(step.seen(at));
    for (std::size_t h = 0; h < 3; ++h) {
      EXPECT_NEAR(balancer->weights()[h], std::exp(s[h]), 1e-6) << "step " << at;
      const double slope = std::exp(s[h]) * step.values[h] - 1;
      if (at == 0) {
        first[h] = slope;
        s[h] -= 0.1 * (slope > 0 ? 1 : -1);
      } else if (at == 1) {
        const double mean = (0.9 * 0.1 * first[h] + 0.1 * slope) / (1 - 0.9 * 0.9);
        const double square = (0.999 * 0.001 * first[h] * first[h] + 0.001 * slope * slope) / (1 - 0.999 * 0.999);
        s[h] -= 0.1 * mean / std::sqrt(square);
      }
    }
  }
}

TEST(LossBalancer, BalanceEveryReusesWeights) {
  const auto network = three_heads();
  BalanceOptions options;
  options.balancer = "cagrad";
  options.balance_every = 3;
  Logger logger;
  const auto balancer = make_balancer(options, *network, 1, logger);
  MadeSource source = three_tasks(4);
  source.start(0, 0);
  std::vector<std::vector<double>> weights;
  for (std::int64_t step = 0; step < 4; ++step) {
    const Step made(*network, *source.next());
    balancer->backward(made.seen(step));
    weights.push_back(balancer->weights());
  }
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(weights[1], weights[2]);
  EXPECT_NE(weights[2], weights[3]);
}

TEST(LossBalancer, OneHeadIsNotBalanced) {
  const auto bytes = [](const std::string& balancer) {
    const auto network = made_network();
    const auto training = make_tensor_source(made_set(), 5, true, 1);
    Logger logger;
    train(*network, *training, nullptr, options_for(balancer, 6), {}, logger);
    return bytes_of(network->state());
  };
  const std::string expected = bytes("fixed");
  for (const std::string& name : all_balancers()) EXPECT_EQ(bytes(name), expected) << name;
}

TEST(LossBalancer, AGradientMethodNeedsATrunk) {
  std::vector<Head> heads;
  for (const char* task : {"a", "b"}) heads.push_back({std::make_shared<Regression>(task, 2), std::make_unique<Mlp>(6, 6, 2)});
  const Network network(nullptr, std::move(heads));
  Logger logger;
  BalanceOptions options;
  options.balancer = "nash";
  EXPECT_THAT(sentence_of([&] { make_balancer(options, network, 1, logger); }), HasSubstr("use one that weighs losses"));
}

TEST(LossBalancer, ForecastsWhatGradientsNeed) {
  const auto network = three_heads();
  BalanceOptions options;
  EXPECT_EQ(gradient_forecast(options, *network), "");
  options.balancer = "cagrad";
  EXPECT_EQ(gradient_forecast(options, *network),
            "gradients of 3 tasks by 101 shared parameters: 1.2 KiB held at once, 3 passes back through the trunk a step");
  options.gradients = "representation";
  EXPECT_THAT(gradient_forecast(options, *network), HasSubstr("one pass back"));
}

TEST(Tag, AffinitiesAreMeasuredWithoutATrace) {
  TrainerOptions options = options_for("fixed", 12);
  const TemporaryFolder without;
  const TemporaryFolder with;
  const Outcome plain = sit(options, without.path());
  options.balance.tag = true;
  options.balance.tag_every = 4;
  const Outcome measured = sit(options, with.path());
  EXPECT_EQ(plain.weights, measured.weights);
  EXPECT_FALSE(plain.files.contains("tag.csv"));
  const auto rows = rows_of(measured.files.at("tag.csv"));
  ASSERT_EQ(rows.size(), 7u);
  EXPECT_EQ(rows.front(), (std::vector<std::string>{"task", "helper", "affinity"}));
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_TRUE(std::isfinite(*parse_real(rows[i][2])));
}

TEST(Tag, IsOneMinusTheLossAfterAStepOfTheHelperAlone) {
  const auto network = three_heads();
  const std::vector<task::Batch> batches = one_batch();
  const std::vector<at::Tensor> plain = plain_gradients(*network, batches, "trunk.");
  const DataParallel alone{Ranks{}};
  TaskAffinity affinity(3);
  constexpr double kRate = 1e-3;
  const std::string before = bytes_of(network->parameters());
  const Step step(*network, batches);
  TaskGradients gradients(step.losses, step.representations, *network, alone, true);
  affinity.measure(*network, gradients, step.values, kRate, [&] {
    const at::NoGradGuard no_gradients;
    return Step(*network, batches).values;
  });
  EXPECT_EQ(before, bytes_of(network->parameters()));
  for (std::size_t helper = 0; helper < 3; ++helper) {
    const at::NoGradGuard no_gradients;
    std::int64_t offset = 0;
    for (const at::Tensor& each : learning_trunk(*network)) {
      each.detach().sub_(plain[helper].narrow(0, offset, each.numel()).view(each.sizes()), kRate);
      offset += each.numel();
    }
    const std::vector<double> after = Step(*network, batches).values;
    offset = 0;
    for (const at::Tensor& each : learning_trunk(*network)) {
      each.detach().add_(plain[helper].narrow(0, offset, each.numel()).view(each.sizes()), kRate);
      offset += each.numel();
    }
    for (std::size_t task = 0; task < 3; ++task) EXPECT_NEAR(affinity.affinity(task, helper), 1 - after[task] / step.values[task], 1e-5);
    EXPECT_GT(affinity.affinity(helper, helper), 0);
  }
}

TEST(BalanceOptions, RefuseWhatDoesNotFit) {
  const auto refused = [](const std::function<void(BalanceOptions&)>& change) {
    BalanceOptions options;
    change(options);
    return sentence_of([&] { validate(options, kTasks); });
  };
  EXPECT_EQ(refused([](BalanceOptions&) {}), "");
  EXPECT_EQ(refused([](BalanceOptions& o) { o.weights = {"a=0.5", "b=0.25", "c=0.25"}; }), "");
  EXPECT_THAT(refused([](BalanceOptions& o) { o.weights = {"a=0.5", "b=0.5", "c=0.5"}; }), HasSubstr("sum to 1.5, not to 1"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.weights = {"a=1"}; }), HasSubstr("leave out the task 'b'"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.weights = {"a=1.5", "b=-0.5", "c=0"}; }), HasSubstr("give the task 'b' -0.5"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.weights = {"a=x"}; }), HasSubstr("the value 'x'"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.weights = {"a"}; }), HasSubstr("write it as task=value"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.periods = {"d=2"}; }), HasSubstr("names the task 'd'"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.periods = {"a=2", "a=3"}; }), HasSubstr("twice"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.periods = {"a=1.5"}; }), HasSubstr("a whole number of steps"));
  EXPECT_THAT(refused([](BalanceOptions& o) {
                o.head_schedule = "round-robin";
                o.periods = {"a=2"};
              }),
              HasSubstr("leave periods out"));
  EXPECT_THAT(refused([](BalanceOptions& o) {
                o.balancer = "nash";
                o.weights = {"a=1", "b=0", "c=0"};
              }),
              HasSubstr("leave one of the two out"));
  EXPECT_THAT(refused([](BalanceOptions& o) { o.balancer = "best"; }), HasSubstr("balancer"));
}

}  // namespace
}  // namespace affinis::train
