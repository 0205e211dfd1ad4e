#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/freezable.h"
#include "framework/nn/safetensors.h"
#include "framework/train/freezing.h"
#include "framework/train/trunk_parts.h"
#include "tests/framework/train/tiny_trunk.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const std::vector<TrunkPart>& parts) {
  std::vector<std::string> names;
  for (const TrunkPart& part : parts) names.push_back(part.name);
  return names;
}

TrainerOptions options_with(const AdaptationOptions& adaptation, std::int64_t steps = 12) {
  TrainerOptions options{.steps = steps, .batch_size = 4, .optimizer = "sgd", .learning_rate = 0.05, .weight_decay = 0.1};
  options.adaptation = adaptation;
  return options;
}

struct Trained {
  std::unique_ptr<Network> network;
  TrainingResult result;
};

Trained trained(const TrainerOptions& options, const std::function<void(Network&, std::int64_t)>& after_step = {}) {
  Trained one{tiny_network(), {}};
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  Logger logger;
  one.result = train(*one.network, *source, nullptr, options, {}, logger, [&](std::int64_t step, std::int64_t, double) {
    if (after_step) after_step(*one.network, step);
  });
  return one;
}

TEST(TrunkParts, AreStemStagesAndTopOrBlocks) {
  const auto tiny = tiny_network();
  EXPECT_THAT(names_of(trunk_stages(*tiny)), ElementsAre("stem", "layer1", "layer2", "compress"));
  EXPECT_THAT(names_of(trunk_blocks(*tiny)), ElementsAre("stem", "layer1.0", "layer1.1", "layer2.0", "compress"));
  EXPECT_EQ(trunk_stages(*tiny).front().parameters.front(), "trunk.conv1.weight");
  EXPECT_EQ(trunk_stages(*tiny).back().parameters.back(), "trunk.compress_bn.bias");

  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(4, 5, 3)});
  const Network encoder(nn::make_encoder({.width = 4}), std::move(heads));
  EXPECT_THAT(names_of(trunk_stages(encoder)), ElementsAre("stem", "layer1", "layer2", "layer3", "layer4", "compress"));
  EXPECT_EQ(trunk_blocks(encoder).size(), 18u);  // stem, 3 + 4 + 6 + 3 units, compress

  std::vector<Head> more;
  more.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(4, 5, 3)});
  EXPECT_THAT(names_of(trunk_stages(Network(std::make_unique<Mlp>(6, 5, 4), std::move(more)))), ElementsAre("0", "2"));
  EXPECT_TRUE(trunk_stages(*made_network()).empty());
}

struct Stretch {
  std::int64_t first;
  std::int64_t last;
  std::size_t frozen;
  bool operator==(const Stretch&) const = default;
};

std::vector<Stretch> stretches(const AdaptationOptions& adaptation, std::int64_t steps = 100, double heads_first = 0) {
  TrainerOptions options = options_with(adaptation, steps);
  options.balance.heads_first = heads_first;
  std::vector<Stretch> result;
  for (const FreezePhase& phase : freeze_phases(*tiny_network(), options, steps)) {
    result.push_back({phase.first_step, phase.last_step, phase.frozen.size()});
  }
  return result;
}

// The tiny trunk has 15 parameters: stem 3, layer1 6, layer2 3, compress 3.
TEST(FreezePhases, FollowThePolicy) {
  EXPECT_THAT(stretches({}), ElementsAre(Stretch{1, 100, 0}));
  EXPECT_THAT(stretches({.freeze = "all"}), ElementsAre(Stretch{1, 100, 15}));
  EXPECT_THAT(stretches({.freeze = "stages", .freeze_count = 1}), ElementsAre(Stretch{1, 100, 3}));
  EXPECT_THAT(stretches({.freeze = "stages", .freeze_count = 4}), ElementsAre(Stretch{1, 100, 15}));
  EXPECT_THAT(stretches({.freeze = "blocks", .freeze_count = 2}), ElementsAre(Stretch{1, 100, 6}));
  EXPECT_THAT(stretches({.freeze = "gradual", .unfreeze_every = 0.2}),
              ElementsAre(Stretch{1, 20, 15}, Stretch{21, 40, 12}, Stretch{41, 60, 9}, Stretch{61, 80, 3}, Stretch{81, 100, 0}));
  EXPECT_THAT(stretches({.freeze = "gradual", .unfreeze_every = 0.4}), ElementsAre(Stretch{1, 40, 15}, Stretch{41, 80, 12}, Stretch{81, 100, 9}));
  EXPECT_THAT(stretches({.probe = 0.25}), ElementsAre(Stretch{1, 25, 15}, Stretch{26, 100, 0}));
  EXPECT_THAT(stretches({}, 100, 0.25), ElementsAre(Stretch{1, 25, 15}, Stretch{26, 100, 0}));
  EXPECT_THAT(stretches({.freeze = "stages", .freeze_count = 2, .probe = 0.5}), ElementsAre(Stretch{1, 50, 15}, Stretch{51, 100, 9}));
  EXPECT_THAT(stretches({.freeze = "gradual", .unfreeze_every = 0.1, .probe = 0.5}, 10),
              ElementsAre(Stretch{1, 6, 15}, Stretch{7, 7, 12}, Stretch{8, 8, 9}, Stretch{9, 9, 3}, Stretch{10, 10, 0}));
  EXPECT_THAT(stretches({.freeze_names = {"trunk.layer1.*", "heads.toy.*.bias"}}).front().first, 1);
  EXPECT_THAT(stretches({.freeze_names = {"trunk.*.weight"}}), ElementsAre(Stretch{1, 100, 10}));
  // Norms that learn: only convolutions stand still.
  EXPECT_THAT(stretches({.freeze = "all", .train_frozen_norms = true}), ElementsAre(Stretch{1, 100, 5}));
  // Steps too few for a phase of its own.
  EXPECT_THAT(stretches({.freeze = "gradual", .unfreeze_every = 0.1}, 2).back().frozen, 0u);
}

TEST(FreezePhases, SayInWordsWhatStandsStill) {
  const auto words = [](const AdaptationOptions& adaptation) { return freeze_phases(*tiny_network(), options_with(adaptation), 12).front().name; };
  EXPECT_EQ(words({}), "nothing is frozen");
  EXPECT_EQ(words({.freeze = "all"}), "frozen: the trunk");
  EXPECT_EQ(words({.freeze = "stages", .freeze_count = 2}), "frozen: stem to layer1.1");
  EXPECT_EQ(words({.freeze = "blocks", .freeze_count = 2}), "frozen: stem and layer1.0");
  EXPECT_EQ(words({.freeze_names = {"trunk.conv1.weight"}}), "frozen: 1 further parameters");
}

TEST(FreezePhases, RefuseWhatCannotBe) {
  const auto sentence = [](const AdaptationOptions& adaptation) {
    return sentence_of([&] { freeze_phases(*tiny_network(), options_with(adaptation), 12); });
  };
  EXPECT_THAT(sentence({.freeze = "stages", .freeze_count = 5}),
              HasSubstr("freeze_count is 5, but the trunk has 4 stages: stem, layer1, layer2, compress; it is a count"));
  EXPECT_THAT(sentence({.freeze_names = {"trunk.conv.weight"}}), HasSubstr("'trunk.conv.weight', which is the name of no parameter, did you mean 'trunk.conv1.weight'"));
  EXPECT_THAT(sentence({.freeze = "all", .freeze_names = {"heads.*"}}), HasSubstr("leave nothing to learn from step 1 on"));
  EXPECT_THAT(sentence_of([&] { freeze_phases(*made_network(), options_with({.freeze = "all"}), 12); }), HasSubstr("this network has no trunk"));
  EXPECT_THAT(sentence_of([&] { validate(options_with({.freeze = "stages"})); }), HasSubstr("freeze_count is 0"));
  EXPECT_THAT(sentence_of([&] { validate(options_with({.freeze = "gradual", .unfreeze_every = 0})); }), HasSubstr("unfreeze_every is 0"));
  EXPECT_THAT(sentence_of([&] { validate(options_with({.train_frozen_norms = true})); }), HasSubstr("nothing is frozen"));
}

TEST(Freezing, WeightsStatisticsAndOutputsOfAFrozenTrunkStayBitForBit) {
  for (const char* optimizer : {"sgd", "adam"}) {
    TrainerOptions options = options_with({.freeze = "all"});
    options.optimizer = optimizer;
    const auto before = tiny_network();
    before->set_training(false);
    const Trained one = trained(options);
    EXPECT_TRUE(one.network->training());
    one.network->set_training(false);
    EXPECT_EQ(bytes_under(*one.network, "trunk."), bytes_under(*before, "trunk."));
    EXPECT_NE(bytes_under(*one.network, "heads."), bytes_under(*before, "heads."));
    const at::Tensor images = tiny_set().input;
    EXPECT_TRUE(at::equal(one.network->encode(images), before->encode(images)));
    ASSERT_EQ(one.result.freeze_proof.size(), 1u);
    const FreezeProof& proof = one.result.freeze_proof.front();
    EXPECT_EQ(proof.tensors, 15 + 5 * 3);
    EXPECT_TRUE(proof.equal);
    EXPECT_EQ(proof.hash_before, proof.hash_after);
    EXPECT_EQ(proof.first_step, 1);
    EXPECT_EQ(proof.last_step, 12);
  }
}

TEST(Freezing, APartOfTheTrunkStandsStillWhileTheRestLearnsStatisticsAndAll) {
  const auto before = tiny_network();
  const Trained one = trained(options_with({.freeze = "stages", .freeze_count = 2}));
  for (const char* part : {"trunk.conv1.", "trunk.bn1.", "trunk.layer1."}) EXPECT_EQ(bytes_under(*one.network, part), bytes_under(*before, part)) << part;
  for (const char* part : {"trunk.layer2.0.conv1.", "trunk.layer2.0.bn1.running_mean", "trunk.compress_bn.num", "heads.toy."}) {
    EXPECT_NE(bytes_under(*one.network, part), bytes_under(*before, part)) << part;
  }
}

/// What the proof is for: without evaluation mode the same training changes buffers of frozen norms.
TEST(Freezing, TakingTheGradientAloneWouldHaveChangedStatistics) {
  const auto network = tiny_network();
  const auto before = tiny_network();
  for (const nn::NamedTensor& each : network->parameters()) {
    if (each.name.starts_with("trunk.")) at::Tensor(each.tensor).set_requires_grad(false);
  }
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  Logger logger;
  train(*network, *source, nullptr, options_with({}), {}, logger);
  EXPECT_EQ(bytes_under(*network, "trunk.layer1.0.conv1."), bytes_under(*before, "trunk.layer1.0.conv1."));
  EXPECT_NE(bytes_under(*network, "trunk.layer1.0.bn1.running_mean"), bytes_under(*before, "trunk.layer1.0.bn1.running_mean"));
}

TEST(Freezing, NormsOfFrozenPartsLearnWhenAskedTo) {
  const auto before = tiny_network();
  const Trained one = trained(options_with({.freeze = "all", .train_frozen_norms = true}));
  for (const nn::NamedTensor& each : one.network->state()) {
    if (!each.name.starts_with("trunk.")) continue;
    const bool norm = each.name.find("bn") != std::string::npos;
    EXPECT_EQ(bytes_under(*one.network, each.name) != bytes_under(*before, each.name), norm) << each.name;
  }
  EXPECT_EQ(one.result.freeze_proof.front().tensors, 5);
}

TEST(Freezing, ValidationsInBetweenDoNotWakeIt) {
  TrainerOptions options = options_with({.freeze = "stages", .freeze_count = 3});
  options.evaluate_every = 2;
  const auto network = tiny_network();
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  const auto validation = make_tensor_source(tiny_set(), 4, false, 1);
  Logger logger;
  const TrainingResult result = train(*network, *source, validation.get(), options, {}, logger);
  EXPECT_EQ(result.curve.size(), 6u);
  EXPECT_EQ(bytes_under(*network, "trunk.bn1."), bytes_under(*tiny_network(), "trunk.bn1."));
}

TEST(Freezing, DropoutOfAFrozenPartIsOff) {
  // Two trainings that differ in the frozen trunk's dropout alone are the same.
  const auto weights = [](double dropout) {
    const auto network = tiny_network(1, dropout);
    const auto source = make_tensor_source(tiny_set(), 4, true, 1);
    Logger logger;
    train(*network, *source, nullptr, options_with({.freeze = "all"}), {}, logger);
    return bytes_under(*network, "");
  };
  EXPECT_EQ(weights(0), weights(0.5));
}

TEST(FreezeProof, CatchesAPolicyThatIsBroken) {
  // A weight that something else moves.
  const std::string weight = sentence_of([] {
    trained(options_with({.freeze = "stages", .freeze_count = 1}), [](Network& network, std::int64_t step) {
      if (step == 5) network.parameters().front().tensor.detach().add_(1);
    });
  });
  EXPECT_THAT(weight, HasSubstr("'trunk.conv1.weight' was frozen from step 1 to step 12 and has changed all the same"));
  // BatchNorm back in training mode, as a framework's train() leaves it.
  const std::string buffer = sentence_of([] {
    trained(options_with({.freeze = "stages", .freeze_count = 1}), [](Network& network, std::int64_t) {
      dynamic_cast<nn::Freezable&>(*network.trunk()).hold_in_evaluation({});
    });
  });
  EXPECT_THAT(buffer, HasSubstr("'trunk.bn1.running_mean' was frozen"));
  // In a phase that ends before the training does.
  const std::string early = sentence_of([] {
    trained(options_with({.probe = 0.5}), [](Network& network, std::int64_t step) {
      if (step == 5) network.parameters().front().tensor.detach().add_(1);
    });
  });
  EXPECT_THAT(early, HasSubstr("was frozen from step 1 to step 6"));
}

/// A module that a plug-in wrote: no evaluation mode for parts of it.
TEST(Freezing, AModuleThatCannotHoldPartsIsFrozenWholeOrRefused) {
  class Normed : public Mlp {
   public:
    using Mlp::Mlp;
    std::vector<nn::NamedTensor> buffers() const override { return {{"0.running_mean", Mlp::buffers().front().tensor}}; }
  };
  const auto network = [] {
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(4, 5, 3)});
    auto made = std::make_unique<Network>(std::make_unique<Normed>(6, 5, 4), std::move(heads));
    made->initialise(1);
    return made;
  };
  const auto train_it = [](Network& one, const AdaptationOptions& adaptation) {
    const auto source = make_tensor_source(made_set(), 5, true, 1);
    Logger logger;
    return train(one, *source, nullptr, options_with(adaptation), {}, logger);
  };
  const auto whole = network();
  const std::string before = bytes_under(*whole, "trunk.");
  EXPECT_EQ(train_it(*whole, {.freeze = "all"}).freeze_proof.front().tensors, 5);
  EXPECT_EQ(bytes_under(*whole, "trunk."), before);
  const auto part = network();
  EXPECT_THAT(sentence_of([&] { train_it(*part, {.freeze = "stages", .freeze_count = 1}); }),
              HasSubstr("'trunk.0.running_mean' cannot be held still while other parts of its module learn"));
}

TEST(Freezing, WhatIsSetFreeBeginsWithAFreshOptimiser) {
  const TemporaryFolder folder;
  TrainerOptions options = options_with({.freeze = "gradual", .unfreeze_every = 0.2});
  options.optimizer = "adam";
  const auto network = tiny_network();
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  Logger logger;
  train(*network, *source, nullptr, options, {folder.path(), false, 8}, logger);
  const nn::TensorFile file = nn::read_safetensors(folder.path() / "checkpoint.safetensors");
  std::map<std::string, at::Tensor> tensors;
  for (const nn::NamedTensor& each : file.tensors) tensors[each.name] = each.tensor;
  // Steps since it was set free, not since the beginning: compress 6, layer2 3, layer1 1, the stem none yet.
  std::map<float, int> counts;
  const at::Tensor steps = tensors.at("optimizer.steps");
  for (std::int64_t i = 0; i < steps.numel(); ++i) ++counts[steps[i].item<float>()];
  EXPECT_EQ(counts[0], 3);
  EXPECT_EQ(counts[1], 6);
  EXPECT_EQ(counts[3], 3);
  EXPECT_EQ(counts[6], 3);
  EXPECT_EQ(tensors.at("optimizer.first.trunk.conv1.weight").abs().sum().item<float>(), 0);
  EXPECT_GT(tensors.at("optimizer.first.trunk.compress.weight").abs().sum().item<float>(), 0);
}

TEST(Freezing, ResumeInAnyPhaseIsBitForBit) {
  for (const AdaptationOptions& adaptation :
       {AdaptationOptions{.freeze = "gradual", .unfreeze_every = 0.2, .backbone_rate = 0.3, .layer_decay = 0.7, .decay_norms = false},
        AdaptationOptions{.freeze = "stages", .freeze_count = 1, .probe = 0.5, .l2_sp = 0.3, .l2_new = 0.1, .delta = 0.2, .bss = 0.1, .zero_head = true}}) {
    const auto sitting = [&](const std::filesystem::path& folder, std::int64_t stop_after, std::uint64_t seed) {
      TrainerOptions options = options_with(adaptation, 10);
      options.optimizer = "adam";
      options.evaluate_every = 3;
      const auto network = tiny_network(seed);
      const auto source = make_tensor_source(tiny_set(), 4, true, 1);
      Logger logger;
      const TrainingResult result = train(*network, *source, nullptr, options, {folder, false, stop_after}, logger);
      nlohmann::json proofs = nlohmann::json::array();
      for (const FreezeProof& proof : result.freeze_proof) proofs.push_back(to_json(proof));
      return std::pair(bytes_under(*network, ""), proofs.dump());
    };
    const TemporaryFolder whole;
    const auto expected = sitting(whole.path(), 0, 1);
    EXPECT_GE(nlohmann::json::parse(expected.second).size(), 2u);
    for (std::int64_t stop = 1; stop < 10; ++stop) {
      const TemporaryFolder parts;
      sitting(parts.path(), stop, 1);
      // What the network held before does not matter: the checkpoint has it all, the start of L2-SP too.
      EXPECT_EQ(sitting(parts.path(), 0, 99), expected) << "stopped after step " << stop;
      EXPECT_EQ(sitting(parts.path(), 0, 98), expected) << "finished";
    }
  }
}

TEST(Freezing, TellsThePolicyAndTheParametersInTheLogAndBesideTheCheckpoint) {
  class Messages : public LogSink {
   public:
    Messages(std::vector<std::string>& list, nlohmann::json& fields) : list_(list), fields_(fields) {}
    void event(LogLevel, const std::string& message, const nlohmann::json& fields) override {
      list_.push_back(message);
      if (!fields.is_null()) fields_.push_back(fields);
    }
    void progress(const std::string&, double, double, const std::string&) override {}
    void progress_end(const std::string&) override {}

   private:
    std::vector<std::string>& list_;
    nlohmann::json& fields_;
  };
  std::vector<std::string> messages;
  nlohmann::json fields = nlohmann::json::array();
  Logger logger;
  logger.add_sink(std::make_unique<Messages>(messages, fields));
  const TemporaryFolder folder;
  const auto network = tiny_network();
  const auto source = make_tensor_source(tiny_set(), 4, true, 1);
  train(*network, *source, nullptr, options_with({.freeze = "stages", .freeze_count = 2, .probe = 0.5}), {folder.path(), false}, logger);
  const std::string all = join(messages, "\n");
  EXPECT_THAT(all, HasSubstr("steps 1 to 6: frozen: the trunk (30 tensors, 5 BatchNorms in evaluation mode)"));
  EXPECT_THAT(all, HasSubstr("steps 1 to 6: 30 frozen tensors did not change (hash "));
  EXPECT_THAT(all, HasSubstr("steps 7 to 12: 18 frozen tensors did not change (hash "));
  EXPECT_THAT(read_file(folder.path() / "parameters.txt"), HasSubstr("trunk.layer1.1.conv1.weight"));
}

}  // namespace
}  // namespace affinis::train
