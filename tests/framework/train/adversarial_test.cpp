// The adversarial term; write_expected_adversarial.py made the values of the step that is compared with PyTorch's.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/safetensors.h"
#include "framework/task/losses.h"
#include "framework/train/adversary.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kSide = 16;

/// One channel of the input's size, by masked L1.
class Dense : public Regression {
 public:
  explicit Dense(std::string name = "dense", std::vector<std::int64_t> shape = {1, kSide, kSide})
      : Regression(std::move(name)), shape_(std::move(shape)) {}
  std::vector<std::int64_t> prediction_shape() const override { return shape_; }
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::absolute_error(prediction, batch.target, batch.mask);
  }

 private:
  std::vector<std::int64_t> shape_;
};

/// A 3x3 convolution from three channels to one, and dropout before it.
class Convolution : public nn::Module {
 public:
  explicit Convolution(double dropout = 0)
      : dropout_(dropout),
        parameters_({{"weight", at::zeros({1, 3, 3, 3}).set_requires_grad(true)}, {"bias", at::zeros({1}).set_requires_grad(true)}}) {}

  at::Tensor forward(const at::Tensor& input) override {
    return at::conv2d(at::dropout(input, dropout_, training_), parameters_[0].tensor, parameters_[1].tensor, 1, 1);
  }
  std::vector<nn::NamedTensor> parameters() const override { return parameters_; }
  std::vector<nn::NamedTensor> buffers() const override { return {}; }
  void set_training(bool training) override { training_ = training; }
  void to(const c10::Device& /*device*/) override {}

 private:
  double dropout_;
  std::vector<nn::NamedTensor> parameters_;
  bool training_ = true;
};

std::unique_ptr<Network> made_dense_network(const std::vector<std::string>& tasks = {"dense"}, double dropout = 0) {
  std::vector<Head> heads;
  for (const std::string& task : tasks) heads.push_back({std::make_shared<Dense>(task), std::make_unique<Convolution>(dropout)});
  auto network = std::make_unique<Network>(nullptr, std::move(heads));
  network->initialise(1);
  return network;
}

TensorSet made_images(std::int64_t images = 10) {
  TensorSet set;
  set.input = at::arange(images * 3 * kSide * kSide, at::kFloat).mul(0.37).sin().view({images, 3, kSide, kSide});
  set.target = (set.input.sum(1, true) * 3).sin();
  set.mask = (set.input.slice(1, 0, 1) < 0.8).to(at::kFloat);
  set.mask[3] = 0;
  return set;
}

task::Batch made_batch(std::int64_t images = 4) {
  const TensorSet set = made_images(images);
  return {set.input, set.target, set.mask, {}};
}

TrainerOptions with_adversary() {
  TrainerOptions options;
  options.steps = 12;
  options.learning_rate = 0.02;
  options.evaluate_every = 3;
  options.checkpoint_seconds = 1e9;
  options.adversarial_weight = 0.3;
  options.adversarial_after = 0.25;
  options.discriminator_rate = 0.05;
  return options;
}

struct Outcome {
  std::string weights;
  TrainingResult result;
  std::string csv;
};

/// One sitting over shuffled batches of 4 of 10 images; `watch(step, network)` may throw.
Outcome sit(const std::filesystem::path& folder, const TrainerOptions& options,
            const std::function<void(std::int64_t step, const Network& network)>& watch = {}) {
  const auto network = made_dense_network({"dense"}, 0.2);
  const auto training = make_tensor_source(made_images(), 4, true, 4);
  const auto validation = make_tensor_source(made_images(5), 4, false, 4);
  Logger logger;
  Outcome outcome;
  outcome.result = train(*network, *training, validation.get(), options, {folder}, logger, [&](std::int64_t step, std::int64_t, double) {
    if (watch) watch(step, *network);
  });
  outcome.weights = bytes_of(network->state());
  outcome.csv = read_file(folder / "metrics.csv");
  return outcome;
}

void cancel_at(const std::filesystem::path& folder, const TrainerOptions& options, std::int64_t step) {
  EXPECT_THROW(sit(folder, options,
                   [step](std::int64_t now, const Network&) {
                     if (now == step) fail(ErrorCode::kCancelled, "stop");
                   }),
               Error);
}

/// One step of an adversary on a batch with the prediction as a leaf: losses, and the gradient of the mixed loss in the prediction.
struct Judged {
  AdversarialLosses losses;
  at::Tensor gradient;
};
Judged judge(const TrainerOptions& options, const task::Batch& batch, const at::Tensor& prediction, std::int64_t step = 0) {
  const auto network = made_dense_network();
  Adversary adversary(network->heads(), {batch}, options, 100, at::kCPU);
  const at::Tensor leaf = prediction.detach().clone().set_requires_grad(true);
  std::vector<at::Tensor> losses = {network->heads()[0].task->loss(leaf, batch)};
  Judged judged{adversary.step(step, {batch}, std::vector<at::Tensor>{leaf}, losses), {}};
  losses[0].backward();
  judged.gradient = leaf.grad();
  return judged;
}

TrainerOptions from_the_start() {
  TrainerOptions options = with_adversary();
  options.adversarial_after = 0;
  return options;
}

TEST(Adversary, EqualsPyTorchOverOneStep) {
  std::map<std::string, at::Tensor> expected;
  std::vector<nn::NamedTensor> before;
  const auto file = nn::read_safetensors(AFFINIS_SOURCE_DIR "/tests/framework/train/expected/adversarial_step.safetensors");
  for (const nn::NamedTensor& each : file.tensors) {
    expected[each.name] = each.tensor;
    if (each.name.starts_with("discriminator.")) before.push_back({"dense." + each.name.substr(14), each.tensor});
  }
  const auto value = [&](const std::string& name) { return expected.at(name).item<double>(); };
  TrainerOptions options;
  options.adversarial_weight = value("weight");
  options.adversarial_after = 0;
  options.adversarial_noise = 0;
  options.discriminator_rate = value("rate");
  options.weight_decay = value("decay") / 10;
  const auto network = made_dense_network();
  for (const nn::NamedTensor& each : network->parameters()) {
    each.tensor.detach().copy_(expected.at("generator." + each.name.substr(std::string("heads.dense.").size())));
  }
  const std::vector<task::Batch> batches = {{expected.at("input"), expected.at("target"), expected.at("mask"), {}}};
  Adversary adversary(network->heads(), batches, options, 100, at::kCPU);
  adversary.load_state(before, adversary.optimizer_state());

  const std::vector<at::Tensor> predictions = network->forward_all(std::vector<at::Tensor>{batches[0].input});
  std::vector<at::Tensor> losses = {network->heads()[0].task->loss(predictions[0], batches[0])};
  EXPECT_NEAR(losses[0].item<double>(), value("reconstruction"), 1e-5);
  const AdversarialLosses told = adversary.step(0, batches, predictions, losses);
  EXPECT_NEAR(told.discriminator, value("discriminator_loss"), 1e-5);
  EXPECT_NEAR(told.adversarial, value("adversarial_loss"), 1e-5);
  EXPECT_NEAR(losses[0].item<double>(), value("total"), 1e-5);
  losses[0].backward();

  const auto expect_close = [](const at::Tensor& ours, const at::Tensor& theirs, const std::string& name) {
    ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
    EXPECT_LE((ours - theirs).abs().max().item<double>(), 1e-5 * std::max(1.0, theirs.abs().max().item<double>())) << name;
  };
  for (const nn::NamedTensor& each : network->parameters()) {
    expect_close(each.tensor.grad(), expected.at("grad." + each.name.substr(std::string("heads.dense.").size())), each.name);
  }
  const auto number = [](const at::Tensor& tensor) { return tensor.detach().to(at::kDouble); };
  int moved = 0;
  for (const nn::NamedTensor& each : adversary.state()) {
    const std::string name = each.name.substr(std::string("dense.").size());
    expect_close(number(each.tensor), number(expected.at("after." + name)), name);
    moved += at::equal(number(each.tensor), number(expected.at("discriminator." + name))) ? 0 : 1;
  }
  EXPECT_EQ(moved, 13 + 9);  // every parameter, every statistic
}

TEST(Adversary, WhatTheMaskHidesHasNoSay) {
  const TrainerOptions options = from_the_start();
  const task::Batch batch = made_batch();
  const at::Tensor prediction = batch.target * 0.5;
  const Judged judged = judge(options, batch, prediction);
  EXPECT_EQ((judged.gradient * (1 - batch.mask)).abs().max().item<double>(), 0);
  EXPECT_GT(judged.gradient.abs().max().item<double>(), 0);

  task::Batch other = batch;
  other.target = batch.target + 5 * (1 - batch.mask);
  const Judged again = judge(options, other, prediction - 7 * (1 - batch.mask));
  EXPECT_EQ(again.losses.adversarial, judged.losses.adversarial);
  EXPECT_EQ(again.losses.discriminator, judged.losses.discriminator);
  EXPECT_TRUE(at::equal(again.gradient, judged.gradient));

  // Image 3 has no label: whatever it shows, nobody looks at it.
  other = batch;
  other.input = batch.input.clone();
  other.input[3] = 9;
  EXPECT_EQ(judge(options, other, prediction).losses.discriminator, judged.losses.discriminator);
}

TEST(Adversary, NoiseFallsWithTheStepsAndComesFromTheSeed) {
  TrainerOptions options = from_the_start();
  const auto network = made_dense_network();
  const task::Batch batch = made_batch();
  const Adversary adversary(network->heads(), {batch}, options, 100, at::kCPU);
  EXPECT_DOUBLE_EQ(adversary.noise_at(0), 0.1);
  EXPECT_DOUBLE_EQ(adversary.noise_at(1000), 0.1 / 1.2);
  EXPECT_DOUBLE_EQ(adversary.noise_at(10000), 0.1 / 3);

  const at::Tensor prediction = batch.target * 0.5;
  const auto loss = [&](std::int64_t step) { return judge(options, batch, prediction, step).losses.adversarial; };
  const double first = loss(0);
  EXPECT_EQ(loss(0), first);
  EXPECT_NE(loss(1), first);
  options.adversarial_noise = 0;
  const double silent = loss(0);
  EXPECT_EQ(loss(1), silent);
  EXPECT_NE(silent, first);
  options.adversarial_noise = 1e-4;
  EXPECT_NEAR(loss(0), silent, 5e-3);
}

TEST(Adversary, LearnsToTellTargetsFromFlatPredictions) {
  TrainerOptions options = from_the_start();
  options.discriminator_rate = 0.1;
  const auto network = made_dense_network();
  const task::Batch batch = made_batch(8);
  Adversary adversary(network->heads(), {batch}, options, 100, at::kCPU);
  AdversarialLosses first;
  AdversarialLosses last;
  for (std::int64_t step = 0; step < 60; ++step) {
    const at::Tensor flat = at::zeros_like(batch.target).set_requires_grad(true);
    std::vector<at::Tensor> losses = {network->heads()[0].task->loss(flat, batch)};
    last = adversary.step(step, {batch}, std::vector<at::Tensor>{flat}, losses);
    if (step == 0) first = last;
  }
  EXPECT_GT(first.discriminator, 0.5);
  EXPECT_LT(last.discriminator, 0.3);  // 0.163 is the least that a label of 0.9 allows
  EXPECT_GT(last.adversarial, first.adversarial);
}

TEST(Adversary, AHeadWithoutLabelsStaysOutOfTheStep) {
  const auto network = made_dense_network({"one", "two"});
  const task::Batch batch = made_batch();
  Adversary adversary(network->heads(), {batch, batch}, from_the_start(), 100, at::kCPU);
  const auto part_of = [&](const std::string& task) {
    std::vector<nn::NamedTensor> part;
    for (const nn::NamedTensor& each : adversary.state()) {
      if (each.name.starts_with(task + ".")) part.push_back({each.name.substr(4), each.tensor.clone()});
    }
    return bytes_of(part);
  };
  const std::string one = part_of("one");
  const std::string two = part_of("two");
  EXPECT_NE(one, two);  // each begins with weights of its own
  const at::Tensor prediction = (batch.target * 0.5).set_requires_grad(true);
  std::vector<at::Tensor> losses = {network->heads()[0].task->loss(prediction, batch), at::Tensor()};
  const AdversarialLosses told = adversary.step(0, {batch, batch}, std::vector<at::Tensor>{prediction, at::Tensor()}, losses);
  EXPECT_TRUE(std::isfinite(told.adversarial));
  EXPECT_FALSE(losses[1].defined());
  EXPECT_EQ(part_of("two"), two);
  EXPECT_NE(part_of("one"), one);
  losses = {at::Tensor(), at::Tensor()};
  EXPECT_TRUE(std::isnan(adversary.step(1, {batch, batch}, std::vector<at::Tensor>(2), losses).adversarial));
}

TEST(Adversary, ALossThatIsNoNumberNamesTaskAndStep) {
  TrainerOptions options = from_the_start();
  const auto network = made_dense_network();
  const task::Batch batch = made_batch();
  Adversary adversary(network->heads(), {batch}, options, 100, at::kCPU);
  for (const nn::NamedTensor& each : adversary.state()) {
    if (each.name == "dense.output.bias") each.tensor.detach().fill_(std::nan(""));
  }
  std::vector<at::Tensor> losses = {at::ones({})};
  EXPECT_THAT(sentence_of([&] { adversary.step(6, {batch}, std::vector<at::Tensor>{batch.target}, losses); }),
              HasSubstr("the adversarial loss of the task 'dense' is NaN at step 7"));
}

TEST(AdversarialTraining, AWeightOfZeroIsTheTrainingWithoutIt) {
  const TemporaryFolder absent;
  const TemporaryFolder zero;
  TrainerOptions options = with_adversary();
  options.adversarial_weight = 0;
  TrainerOptions plain;
  plain.steps = options.steps;
  plain.learning_rate = options.learning_rate;
  plain.evaluate_every = options.evaluate_every;
  cancel_at(absent.path(), plain, 7);
  cancel_at(zero.path(), options, 7);
  const auto identity = [](const TemporaryFolder& folder) {
    return nn::read_safetensors(folder.path() / "checkpoint.safetensors").metadata.at("identity");
  };
  // What identified a training before there was an adversary identifies it now.
  EXPECT_EQ(identity(zero), identity(absent));
  EXPECT_THAT(identity(zero), Not(HasSubstr("advers")));
  EXPECT_THAT(identity(zero), Not(HasSubstr("discriminator")));
  const Outcome expected = sit(absent.path(), plain);
  const Outcome outcome = sit(zero.path(), options);
  EXPECT_EQ(outcome.weights, expected.weights);
  EXPECT_EQ(outcome.csv, expected.csv);
  EXPECT_THAT(outcome.csv, Not(HasSubstr("advers")));
}

TEST(AdversarialTraining, BeginsAfterItsShareOnReconstructionAlone) {
  TrainerOptions options = with_adversary();
  options.adversarial_after = 0.5;
  TrainerOptions off = options;
  off.adversarial_weight = 0;
  std::vector<std::string> with, without;
  const TemporaryFolder one, two;
  const Outcome outcome =
      sit(one.path(), options, [&](std::int64_t, const Network& network) { with.push_back(bytes_of(network.state())); });
  sit(two.path(), off, [&](std::int64_t, const Network& network) { without.push_back(bytes_of(network.state())); });
  ASSERT_EQ(with.size(), 12u);
  EXPECT_EQ(with[5], without[5]);
  EXPECT_NE(with[6], without[6]);
  const std::vector<std::string> lines = split(outcome.csv, '\n');
  EXPECT_EQ(lines[0], "step,epoch,train_loss,validation_loss,learning_rate,adversarial_loss,discriminator_loss");
  EXPECT_THAT(lines[2], testing::EndsWith(",,"));
  const std::vector<std::string> cells = split(lines[3], ',');
  ASSERT_EQ(cells.size(), 7u);
  EXPECT_GT(parse_real(cells[5]).value(), 0);
  EXPECT_GT(parse_real(cells[6]).value(), 0);
  EXPECT_THAT(read_file(one.path() / "metrics.jsonl"), HasSubstr("\"discriminator_loss\":0."));
}

TEST(AdversarialTraining, TheLossesToldAreTheReconstructions) {
  TrainerOptions options = with_adversary();
  options.steps = 1;
  options.adversarial_after = 0;
  TrainerOptions off = options;
  off.adversarial_weight = 0;
  const TemporaryFolder one, two;
  const Outcome with = sit(one.path(), options);
  const Outcome without = sit(two.path(), off);
  EXPECT_EQ(with.result.curve[0].train_loss, without.result.curve[0].train_loss);
  EXPECT_NE(with.weights, without.weights);
}

TEST(AdversarialTraining, ResumedIsBitForBitTheUninterruptedOne) {
  const TrainerOptions options = with_adversary();  // the adversary begins at step 3
  const TemporaryFolder whole;
  const Outcome expected = sit(whole.path(), options);
  for (const std::int64_t step : {2, 3, 7, 12}) {
    SCOPED_TRACE(step);
    const TemporaryFolder parts;
    cancel_at(parts.path(), options, step);
    const Outcome outcome = sit(parts.path(), options);
    EXPECT_EQ(outcome.weights, expected.weights);
    EXPECT_EQ(outcome.csv, expected.csv);
  }
  for (const nn::NamedTensor& each : nn::read_safetensors(whole.path() / "checkpoint.safetensors").tensors) {
    EXPECT_TRUE(each.name.starts_with("network.")) << each.name;
  }
}

TEST(AdversarialTraining, TheDiscriminatorGoesOnToo) {
  const TrainerOptions options = with_adversary();
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  cancel_at(whole.path(), options, 10);
  for (const std::int64_t step : {2, 5, 10}) cancel_at(parts.path(), options, step);
  const auto tensors = [](const TemporaryFolder& folder) { return nn::read_safetensors(folder.path() / "checkpoint.safetensors").tensors; };
  EXPECT_EQ(bytes_of(tensors(whole)), bytes_of(tensors(parts)));
  std::vector<std::string> names;
  for (const nn::NamedTensor& each : tensors(whole)) names.push_back(each.name);
  for (const char* name : {"adversary.dense.conv1.weight", "adversary.dense.bn2.running_var", "adversary_optimizer.steps"}) {
    EXPECT_THAT(names, testing::Contains(name));
  }
}

TEST(AdversarialTraining, RefusesHeadsThatPredictNoImageLikeTheirInput) {
  const auto refusal = [](std::vector<std::int64_t> shape, const TensorSet& set) {
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Dense>("odd_one", std::move(shape)), std::make_unique<Convolution>()});
    Network network(nullptr, std::move(heads));
    const auto source = make_tensor_source(set, 4, false, 1);
    Logger logger;
    TrainerOptions options = with_adversary();
    try {
      train(network, *source, nullptr, options, {}, logger);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.sentence();
    }
    return std::string("no error");
  };
  TensorSet set = made_images();
  EXPECT_THAT(refusal({7}, set), HasSubstr("the task 'odd_one' predicts no image"));
  EXPECT_THAT(refusal({1, 4, 4}, set), HasSubstr("the task 'odd_one' predicts 4 x 4 pixels from an input of the shape [3, 16, 16]"));
  EXPECT_THAT(refusal({2, kSide, kSide}, set), HasSubstr("the target of the task 'odd_one' is no image like its prediction"));
  set.target = set.target.to(at::kLong);
  EXPECT_THAT(refusal({1, kSide, kSide}, set), HasSubstr("the target of the task 'odd_one' is no image like its prediction"));
}

TEST(AdversarialTraining, RefusesSettingsThatMeanNothing) {
  const auto sentence = [](const TrainerOptions& options) { return sentence_of([&] { validate(options); }); };
  EXPECT_THAT(sentence({.adversarial_weight = -0.1}), HasSubstr("adversarial_weight"));
  EXPECT_THAT(sentence({.adversarial_weight = 1.1}), HasSubstr("adversarial_weight"));
  EXPECT_THAT(sentence({.adversarial_noise = -1}), HasSubstr("adversarial_noise"));
  EXPECT_THAT(sentence({.discriminator_rate = -1}), HasSubstr("discriminator_rate"));
  EXPECT_THAT(sentence({.adversarial_weight = 0.1, .adversarial_after = 1}), HasSubstr("adversarial_after is 1"));
  EXPECT_EQ(sentence({.adversarial_after = 1}), "");
}

}  // namespace
}  // namespace affinis::train
