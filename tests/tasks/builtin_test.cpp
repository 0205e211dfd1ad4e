#include "tasks/builtin.h"

#include <chrono>
#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/data/field.h"
#include "framework/nn/module.h"
#include "tests/tasks/samples.h"

namespace affinis::tasks {
namespace {

using ::testing::HasSubstr;
using testing::context_of;
using testing::make_sample;

task::TaskRegistry builtin() {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  return registry;
}

std::shared_ptr<const task::Task> make(const std::string& name, const task::TaskContext& context) {
  return builtin().get(name)->make(context);
}

task::Example example_of(const std::string& name, const data::Sample& sample, const task::TaskContext& context, std::uint64_t seed = 1) {
  RandomStream stream(seed, "example");
  return make(name, context)->example({&sample, 1}, stream);
}

/// Tasks that predict a few numbers have other samples and ranges: vector_test.cpp looks at them.
bool is_tested_elsewhere(const task::TaskRegistry& registry, const std::string& name) {
  return registry.get(name)->info.head == "vector" && name != "class_places";
}

TEST(Builtin, NamesAndAliases) {
  const task::TaskRegistry registry = builtin();
  const std::vector<std::string> names = registry.names();
  for (const char* name : {"autoencoder", "class_places", "colorization", "curvature", "denoise", "edge2d", "edge3d", "inpainting_whole", "keypoint2d",
                           "keypoint3d", "reshade", "rgb2depth", "rgb2mist", "rgb2sfnorm", "segment25d", "segment2d", "segmentsemantic"}) {
    EXPECT_THAT(names, ::testing::Contains(name));
  }
  const std::vector<std::pair<std::string, std::string>> aliases = {
      {"impainting_whole", "inpainting_whole"}, {"inpainting", "inpainting_whole"},
      {"depth_euclidean", "rgb2mist"},     {"mist", "rgb2mist"},     {"distance", "rgb2mist"},
      {"keypoints2d", "keypoint2d"},       {"keypoints3d", "keypoint3d"}, {"keypoint", "keypoint3d"},
      {"edge_occlusion", "edge3d"},        {"edge", "edge3d"},       {"principal_curvature", "curvature"},
      {"segment_unsup2d", "segment2d"},    {"segment_unsup25d", "segment25d"},
      {"autoencoding", "autoencoder"},     {"denoising", "denoise"}, {"edge_texture", "edge2d"},
      {"depth_zbuffer", "rgb2depth"},      {"depth", "rgb2depth"},   {"normal", "rgb2sfnorm"},
      {"reshading", "reshade"},            {"class_scene", "class_places"},
      {"segmentsemantic_rb", "segmentsemantic"}, {"segment_semantic", "segmentsemantic"}};
  for (const auto& [alias, name] : aliases) EXPECT_EQ(registry.get(alias)->info.name, name);
}

TEST(Builtin, DescriptionsAreComplete) {
  const task::TaskRegistry registry = builtin();
  std::set<std::string> labels;
  for (const std::string& name : registry.names()) {
    const task::TaskInfo& info = registry.get(name)->info;
    EXPECT_TRUE(labels.insert(info.display_name).second) << name;
    EXPECT_TRUE(info.family == "2d" || info.family == "3d" || info.family == "semantic" || info.family == "geometric") << name;
    EXPECT_TRUE(info.head == "dense" || info.head == "quarter" || info.head == "vector") << name;
    EXPECT_FALSE(info.loss.empty() || info.doc.empty() || info.metrics.empty()) << name;
    for (const std::string& field : info.fields) EXPECT_NO_THROW(data::field_spec(field)) << name;
  }
}

TEST(Builtin, EveryTaskIsMadeAtBothScales) {
  for (const auto& [side, width] : {std::pair<std::int64_t, std::int64_t>{64, 16}, {256, 64}}) {
    const data::Sample sample = make_sample(side, 0);
    const task::TaskRegistry registry = builtin();
    for (const std::string& name : registry.names()) {
      if (is_tested_elsewhere(registry, name)) continue;
      SCOPED_TRACE(name + " at " + std::to_string(side));
      const auto task = registry.get(name)->make(context_of(side));
      EXPECT_EQ(task->info().name, name);
      RandomStream stream(1, "example");
      const task::Example example = task->example({&sample, 1}, stream);
      EXPECT_EQ(example.input.sizes(), at::IntArrayRef({task->info().input_channels, side, side}));
      EXPECT_GE(example.input.min().item<float>(), -1);
      EXPECT_LE(example.input.max().item<float>(), 1);
      // Colours are in Lab units, curvature is standardised: both are beyond [-1, 1].
      if (at::isFloatingType(example.target.scalar_type()) && name != "colorization" && name != "curvature") {
        EXPECT_EQ(example.target.sizes(), at::IntArrayRef(task->prediction_shape()));
        EXPECT_GE(example.target.min().item<float>(), -1);
        EXPECT_LE(example.target.max().item<float>(), 1);
      }
      EXPECT_GT(nn::parameter_count(*task->make_head({.channels = 8, .side = side / 16, .width = width})), 0);
      EXPECT_EQ(task->make_metrics()->result().size(), task->info().metrics.size());
    }
  }
}

TEST(Builtin, OtherSidesAreRefused) {
  EXPECT_THROW(make("rgb2depth", context_of(60)), Error);
  const auto task = make("rgb2depth", context_of(64));
  EXPECT_THROW(task->make_head({.channels = 8, .side = 16, .width = 16}), Error);
  const data::Sample sample = make_sample(32, 0);
  RandomStream stream(1, "example");
  EXPECT_THROW(task->example({&sample, 1}, stream), Error);
}

TEST(Depth, IsTheScaledLogarithmAndMasksWhatHasNone) {
  data::Sample sample = make_sample(64, 0);
  const auto depth = sample.fields.find("depth_zbuffer")->second.as<std::uint16_t>();
  depth[0] = 65535;
  depth[1] = 64500;
  depth[2] = 64499;
  depth[3] = 0;
  depth[4] = 1024;
  const task::Example example = example_of("depth", sample, context_of(64));
  const float* value = example.target.const_data_ptr<float>();
  const float* valid = example.mask.const_data_ptr<float>();
  EXPECT_EQ(valid[0], 0);
  EXPECT_EQ(valid[1], 0);
  EXPECT_EQ(valid[2], 1);
  EXPECT_EQ(value[3], 0);
  EXPECT_FLOAT_EQ(value[4], static_cast<float>(std::log(1025.0) / std::log(65536.0)));

  // The metrics are back in metres: everything 10 % too far.
  const auto task = make("depth", context_of(64));
  task::Batch batch = task::collate({&example, 1}, std::vector<std::int64_t>{0});
  const at::Tensor metres = (at::exp(batch.target.to(at::kDouble) * std::log(65536.0)) - 1) / 512;
  const at::Tensor prediction = (at::log(metres * 1.1 * 512 + 1) / std::log(65536.0)).to(at::kFloat);
  batch.mask.view({-1}).slice(0, 0, 5).zero_();
  const auto metrics = task->make_metrics();
  metrics->add(prediction, batch);
  EXPECT_NEAR(metrics->result()[0], 0.1, 1e-4);
  EXPECT_EQ(metrics->result()[2], 1);
}

TEST(Normals, AreMaskedByDepthAndByGrey) {
  data::Sample sample = make_sample(64, 0);
  sample.fields.find("depth_zbuffer")->second.as<std::uint16_t>()[4000] = 65535;
  const auto normal = sample.fields.find("normal")->second.as<std::uint8_t>();
  for (std::size_t c = 0; c < 3; ++c) normal[3 * 4001 + c] = 128;
  const task::Example example = example_of("normal", sample, context_of(64));
  const float* valid = example.mask.const_data_ptr<float>();
  EXPECT_EQ(valid[3999], 1);
  EXPECT_EQ(valid[4000], 0);
  EXPECT_EQ(valid[4001], 0);
  EXPECT_FLOAT_EQ(example.target.const_data_ptr<float>()[4096 + 4095], -1.0F);
}

TEST(Segmentation, LabelZeroIsMaskedAndTheRestMovesDown) {
  data::Sample sample = make_sample(64, 0);
  const auto label = sample.fields.find("semantic")->second.as<std::uint8_t>();
  label[0] = 0;
  label[1] = 1;
  label[2] = 4;
  label[3] = 255;
  const task::Example example = example_of("segmentsemantic", sample, context_of(64));
  EXPECT_EQ(make("segmentsemantic", context_of(64))->prediction_shape(), (std::vector<std::int64_t>{4, 64, 64}));
  const std::int64_t* classes = example.target.const_data_ptr<std::int64_t>();
  const float* valid = example.mask.const_data_ptr<float>();
  EXPECT_EQ((std::vector<float>{valid[0], valid[1], valid[2], valid[3]}), (std::vector<float>{0, 1, 1, 0}));
  EXPECT_EQ(classes[1], 0);
  EXPECT_EQ(classes[2], 3);
  label[5] = 9;
  try {
    example_of("segmentsemantic", sample, context_of(64));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("building/room/0"));
    EXPECT_THAT(error.what(), HasSubstr("label 9"));
  }
}

TEST(Segmentation, ThePapersVocabularyBringsItsWeights) {
  const data::Sample sample = make_sample(64, 0);
  task::TaskContext context = context_of(64);
  context.vocabularies["semantic"] = testing::kPaperSemantic;
  const auto paper = make("segmentsemantic", context);
  context.vocabularies["semantic"][17] = "lamp";
  const auto other = make("segmentsemantic", context);
  RandomStream stream(1, "example");
  task::Example example = paper->example({&sample, 1}, stream);
  example.target.zero_();
  const task::Batch batch = task::collate({&example, 1}, std::vector<std::int64_t>{0});
  const at::Tensor logits = at::zeros({1, 17, 64, 64});
  EXPECT_NEAR(other->per_image_loss(logits, batch).item<double>(), std::log(17.0), 1e-5);
  EXPECT_NEAR(paper->per_image_loss(logits, batch).item<double>(), 0.5424 * std::log(17.0), 1e-4);
}

TEST(PaperCompatible, SquashesLogits) {
  task::TaskContext context = context_of(64);
  for (const bool paper : {false, true}) {
    context.paper_compatible = paper;
    const auto head = make("segmentsemantic", context)->make_head({.channels = 8, .side = 4, .width = 16});
    nn::initialise(*head, 1);
    for (const nn::NamedTensor& each : head->parameters()) {
      if (each.name == "output.bias") each.tensor.detach().fill_(5);
    }
    head->set_training(true);
    const double greatest = head->forward(at::rand({2, 8, 4, 4})).max().item<double>();
    if (paper) {
      EXPECT_LE(greatest, 1);
    } else {
      EXPECT_GT(greatest, 1);
    }
  }
}

TEST(Classification, LabelsComeFromTheVocabulary) {
  data::Sample sample = make_sample(64, 2);
  const task::Example example = example_of("class_places", sample, context_of(64));
  EXPECT_EQ(example.target.item<std::int64_t>(), 2);
  EXPECT_EQ(example.mask.item<float>(), 1);
  EXPECT_EQ(make("class_places", context_of(64))->info().metrics.size(), 2U);
  const auto label = sample.fields.find("room_class")->second.as<std::int32_t>();
  label[0] = -1;
  EXPECT_EQ(example_of("class_places", sample, context_of(64)).mask.item<float>(), 0);
  label[0] = 6;
  EXPECT_THROW(example_of("class_places", sample, context_of(64)), Error);
  task::TaskContext context = context_of(64);
  context.vocabularies.erase("scene");
  EXPECT_THROW(make("class_places", context), Error);
}

TEST(Denoise, NoiseDependsOnTheStreamAlone) {
  const data::Sample sample = make_sample(64, 0);
  const task::Example first = example_of("denoise", sample, context_of(64), 1);
  const task::Example again = example_of("denoise", sample, context_of(64), 1);
  const task::Example other = example_of("denoise", sample, context_of(64), 2);
  EXPECT_TRUE(at::equal(first.input, again.input));
  EXPECT_FALSE(at::equal(first.input, other.input));
  EXPECT_TRUE(at::equal(first.target, other.target));
}

TEST(Denoise, NoiseHasTheStatedDeviation) {
  data::Sample sample = make_sample(64, 0);
  for (std::uint8_t& value : sample.fields.find("rgb")->second.as<std::uint8_t>()) value = 127;
  const task::Example example = example_of("denoise", sample, context_of(64));
  const at::Tensor noise = (example.input - example.target).to(at::kDouble);
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.006);
  EXPECT_NEAR(noise.std().item<double>(), 0.2, 0.004);
  EXPECT_NEAR((noise.abs() < 0.2).to(at::kDouble).mean().item<double>(), 0.6827, 0.015);
  // Neighbours come from one pair.
  const at::Tensor flat = noise.flatten();
  EXPECT_NEAR((flat.slice(0, 0, {}, 2) * flat.slice(0, 1, {}, 2)).mean().item<double>() / 0.04, 0, 0.05);
}

/// An image of one vertical step in grey levels.
data::Sample step_sample(std::int64_t side, int low, int high) {
  data::Sample sample = make_sample(side, 0);
  const auto rgb = sample.fields.find("rgb")->second.as<std::uint8_t>();
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    rgb[i] = static_cast<std::uint8_t>(static_cast<std::int64_t>(i / 3) % side < side / 2 ? low : high);
  }
  return sample;
}

TEST(Edges, TheSameStepIsAsStrongAtEverySide) {
  for (const std::int64_t side : {64, 128, 256}) {
    const at::Tensor half = example_of("edge2d", step_sample(side, 100, 155), context_of(side)).target;
    EXPECT_NEAR(half.max().item<double>(), 2 * 55 / 255.0 / 0.43 - 1, 0.01) << side;
    EXPECT_EQ(half.min().item<double>(), -1);
    const at::Tensor whole = example_of("edge2d", step_sample(side, 50, 200), context_of(side)).target;
    EXPECT_EQ(whole.max().item<double>(), 1) << side;
  }
  task::TaskContext paper = context_of(256);
  paper.paper_compatible = true;
  const double softer = example_of("edge2d", step_sample(256, 100, 130), context_of(256)).target.max().item<double>();
  EXPECT_GT(example_of("edge2d", step_sample(256, 100, 130), paper).target.max().item<double>(), softer);
}

TEST(Builtin, PicturesOfTargetsAndPredictionsAgree) {
  const data::Sample sample = make_sample(64, 1);
  const task::TaskRegistry registry = builtin();
  for (const std::string& name : registry.names()) {
    if (is_tested_elsewhere(registry, name)) continue;
    if (name == "segmentsemantic" || name == "class_places") continue;
    // Their targets are labels or colours, their predictions something else: dense_test.cpp looks at them.
    if (name == "segment2d" || name == "segment25d" || name == "colorization") continue;
    const auto task = registry.get(name)->make(context_of(64));
    RandomStream stream(1, "example");
    const task::Example example = task->example({&sample, 1}, stream);
    EXPECT_EQ(task->picture_of_target(example.target, {}).pixels, task->picture_of_prediction(example.target).pixels) << name;
    EXPECT_EQ(task->picture_of_input(example.input).width, 64) << name;
  }
  const auto segmentation = registry.get("segmentsemantic")->make(context_of(64));
  RandomStream stream(1, "example");
  const task::Example example = segmentation->example({&sample, 1}, stream);
  const at::Tensor logits = at::one_hot(example.target, 4).permute({2, 0, 1}).to(at::kFloat);
  EXPECT_EQ(segmentation->picture_of_target(example.target, {}).pixels, segmentation->picture_of_prediction(logits).pixels);
}

TEST(Builtin, ExamplesAreCheap) {
  const data::Sample sample = make_sample(64, 0);
  const task::TaskRegistry registry = builtin();
  for (const std::string& name : registry.names()) {
    if (is_tested_elsewhere(registry, name)) continue;
    const auto task = registry.get(name)->make(context_of(64));
    RandomStream stream(1, "example");
    double best = 1;
    for (int i = 0; i < 20; ++i) {
      const auto start = std::chrono::steady_clock::now();
      task->example({&sample, 1}, stream);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    RecordProperty(name + "_microseconds", std::to_string(best * 1e6));
    // A training step costs milliseconds an image; the loader must not be what it waits for.
    EXPECT_LT(best, 5e-3) << name;
  }
}

}  // namespace
}  // namespace affinis::tasks
