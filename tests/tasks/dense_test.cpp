#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/module.h"
#include "framework/task/metric_loss.h"
#include "framework/task/pictures.h"
#include "tasks/builtin.h"
#include "tasks/colour_bins.h"
#include "tests/tasks/samples.h"

namespace affinis::tasks {
namespace {

using testing::context_of;
using testing::make_sample;

std::shared_ptr<const task::Task> make(const std::string& name, const task::TaskContext& context) {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  return registry.get(name)->make(context);
}

task::Example example_of(const std::string& name, const data::Sample& sample, const task::TaskContext& context, std::uint64_t seed = 1) {
  RandomStream stream(seed, "example");
  return make(name, context)->example({&sample, 1}, stream);
}

task::TaskContext paper_context(std::int64_t side) {
  task::TaskContext context = context_of(side);
  context.paper_compatible = true;
  return context;
}

task::Batch batch_of(const task::Example& example) { return task::collate({&example, 1}, std::vector<std::int64_t>{0}); }

/// A field's values, to change them.
template <typename T>
std::span<T> values_of(data::Sample& sample, const char* field) {
  return sample.fields.find(field)->second.as<T>();
}

at::Tensor random_values(const std::vector<std::int64_t>& shape, std::uint64_t seed, double deviation = 1) {
  RandomStream stream(seed, "values");
  at::Tensor values = at::empty(shape, at::kFloat);
  auto* value = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(stream.normal(0, deviation));
  return values;
}

struct DenseTask {
  const char* name;
  std::int64_t parameters;  ///< of the head at paper scale
};

/// The decoder's 16,453,009 for one channel, and 16 x 9 + 1 for each further one.
constexpr std::int64_t dense_parameters(std::int64_t channels) { return 16453009 + 145 * (channels - 1); }

constexpr std::int64_t layer(std::int64_t in, std::int64_t out) { return 9 * in * out + 2 * out; }
constexpr std::int64_t kQuarterParameters = layer(8, 1024) + layer(1024, 1024) + layer(1024, 512) + 3 * layer(512, 512) +
                                            layer(512, 256) + 5 * layer(256, 256) + 256 * 313 + 313;

const std::vector<DenseTask> kTasks = {{"autoencoder", 16453299},         {"colorization", kQuarterParameters},
                                       {"curvature", dense_parameters(2)}, {"denoise", 16453299},
                                       {"edge2d", 16453009},              {"edge3d", 16453009},
                                       {"inpainting_whole", 16453299},    {"keypoint2d", 16453009},
                                       {"keypoint3d", 16453009},          {"reshade", 16453009},
                                       {"rgb2depth", 16453009},           {"rgb2mist", 16453009},
                                       {"rgb2sfnorm", 16453299},          {"segment25d", dense_parameters(64)},
                                       {"segment2d", dense_parameters(64)}, {"segmentsemantic", dense_parameters(17)}};

TEST(Dense, HeadsHaveTheOriginalsParameters) {
  for (const DenseTask& each : kTasks) {
    task::TaskContext context = context_of(256);
    context.vocabularies["semantic"] = testing::kPaperSemantic;
    const auto head = make(each.name, context)->make_head({.channels = 8, .side = 16, .width = 64});
    EXPECT_EQ(nn::parameter_count(*head), each.parameters) << each.name;
  }
}

TEST(Dense, OneForwardAtDeskScale) {
  const data::Sample sample = make_sample(64, 0);
  for (const DenseTask& each : kTasks) {
    SCOPED_TRACE(each.name);
    const auto task = make(each.name, context_of(64));
    const auto head = task->make_head({.channels = 8, .side = 4, .width = 16});
    nn::initialise(*head, 1);
    head->set_training(true);
    const at::Tensor prediction = head->forward(random_values({2, 8, 4, 4}, 3).relu());
    std::vector<std::int64_t> shape = task->prediction_shape();
    shape.insert(shape.begin(), 2);
    EXPECT_EQ(prediction.sizes(), at::IntArrayRef(shape));
    const task::Example example = example_of(each.name, sample, context_of(64));
    EXPECT_EQ(example.input.sizes(), at::IntArrayRef({task->info().input_channels, 64, 64}));
    const at::Tensor loss = task->loss(prediction.slice(0, 0, 1), batch_of(example));
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
  }
}

TEST(Dense, MaskedLossesEqualPlainLoops) {
  const data::Sample sample = make_sample(64, 1);
  for (const char* name : {"rgb2mist", "keypoint2d", "keypoint3d", "edge3d", "curvature", "inpainting_whole"}) {
    const auto task = make(name, context_of(64));
    const task::Example example = example_of(name, sample, context_of(64));
    const at::Tensor prediction = random_values(example.target.sizes().vec(), 5);
    const auto* p = prediction.const_data_ptr<float>();
    const auto* t = example.target.const_data_ptr<float>();
    const bool squared = std::string(name) == "curvature";
    double sum = 0;
    double count = 0;
    for (std::int64_t i = 0; i < prediction.numel(); ++i) {
      if (example.mask.defined() && example.mask.const_data_ptr<float>()[i % 4096] == 0) continue;
      const double error = std::abs(static_cast<double>(p[i]) - t[i]);
      sum += squared ? error * error : error;
      ++count;
    }
    const double loss = task->per_image_loss(prediction.unsqueeze(0), batch_of(example)).item<double>();
    EXPECT_NEAR(loss, sum / count, 1e-6 * std::max(1.0, loss)) << name;
  }
}

TEST(Inpainting, TheMiddleOfTheInputIsMidGrey) {
  const data::Sample sample = make_sample(64, 0);
  const task::Example example = example_of("impainting_whole", sample, context_of(64));
  const at::Tensor hole = example.input.slice(1, 16, 48).slice(2, 16, 48);
  EXPECT_TRUE((hole == 0).all().item<bool>());
  EXPECT_EQ((example.input != example.target).sum().item<std::int64_t>(), (example.target.slice(1, 16, 48).slice(2, 16, 48) != 0).sum().item<std::int64_t>());
  EXPECT_FALSE(make("inpainting", context_of(64))->info().target);
}

TEST(Distance, IsMaskedByTheZDepth) {
  data::Sample sample = make_sample(64, 0);
  values_of<std::uint16_t>(sample, "depth_zbuffer")[3000] = 65535;
  values_of<std::uint16_t>(sample, "depth_euclidean")[3001] = 1024;
  const task::Example example = example_of("distance", sample, context_of(64));
  EXPECT_EQ(example.mask.flatten()[3000].item<float>(), 0);
  EXPECT_EQ(example.mask.flatten()[3001].item<float>(), 1);
  EXPECT_NEAR(example.target.flatten()[3001].item<double>(), std::log(1025.0) / std::log(65536.0), 1e-6);
}

TEST(Keypoints, AreScaledAndClipped) {
  data::Sample sample = make_sample(64, 0);
  const auto spots = values_of<std::uint16_t>(sample, "keypoints2d");
  spots[0] = 0;
  spots[1] = 164;
  spots[2] = 60000;
  const at::Tensor target = example_of("keypoints2d", sample, context_of(64)).target.flatten();
  EXPECT_EQ(target[0].item<float>(), -1);
  EXPECT_NEAR(target[1].item<double>(), 2 * 164 / (65535 * 0.005) - 1, 1e-6);
  EXPECT_EQ(target[2].item<float>(), 1);
  values_of<std::uint16_t>(sample, "keypoints3d")[4000] = 65535;
  values_of<std::uint16_t>(sample, "depth_zbuffer")[4001] = 64500;
  const task::Example landmarks = example_of("keypoints3d", sample, context_of(64));
  EXPECT_EQ(landmarks.target.flatten()[4000].item<float>(), 1);
  EXPECT_EQ(landmarks.mask.flatten()[4001].item<float>(), 0);
}

/// A view of one step of depth at column 32, metres either side.
data::Sample depth_step(double left, double right) {
  data::Sample sample = make_sample(64, 0);
  const auto depth = values_of<std::uint16_t>(sample, "depth_zbuffer");
  for (std::size_t i = 0; i < depth.size(); ++i) depth[i] = static_cast<std::uint16_t>(512 * (i % 64 < 32 ? left : right));
  return sample;
}

TEST(OcclusionEdges, AreStepsOfTheRootOfDepth) {
  const task::Example flat = example_of("edge3d", depth_step(2, 2), context_of(64));
  EXPECT_TRUE((flat.target == -1).all().item<bool>());
  // The response of the two columns at the step, blurred with sigma 1: by each column's share of a Gaussian's weights.
  const double response = (std::sqrt(512 * 2.25) - std::sqrt(512 * 2.0)) / 256 / std::sqrt(2.0) / (0.00625 * std::sqrt(8.0));
  ASSERT_LT(response, 1);
  double total = 0;
  for (int i = -4; i <= 4; ++i) total += std::exp(-0.5 * i * i);
  const double share = (1 + std::exp(-0.5)) / total;
  const at::Tensor target = example_of("edge3d", depth_step(2, 2.25), context_of(64)).target;
  EXPECT_NEAR(target[0][30][31].item<double>(), 2 * response * share - 1, 1e-3);
  EXPECT_NEAR(target[0][30][10].item<double>(), -1, 1e-6);
}

TEST(OcclusionEdges, AreClippedUnlessAsInTheOriginal) {
  const data::Sample sample = depth_step(1, 8);
  EXPECT_LE(example_of("edge3d", sample, context_of(64)).target.max().item<double>(), 1);
  EXPECT_GT(example_of("edge3d", sample, paper_context(64)).target.max().item<double>(), 1);
}

TEST(OcclusionEdges, HolesOfDepthAreNoEdges) {
  data::Sample sample = depth_step(2, 2);
  const auto depth = values_of<std::uint16_t>(sample, "depth_zbuffer");
  for (std::size_t y = 10; y < 20; ++y) std::fill_n(depth.begin() + static_cast<std::ptrdiff_t>(64 * y + 10), 10, std::uint16_t{65535});
  const task::Example example = example_of("edge3d", sample, context_of(64));
  EXPECT_TRUE((example.target == -1).all().item<bool>());
  EXPECT_EQ((example.mask == 0).sum().item<std::int64_t>(), 100);
}

TEST(Curvature, IsStandardisedMaskedAndMeasuredPerMetre) {
  data::Sample sample = make_sample(64, 0);
  const auto curvature = values_of<std::uint8_t>(sample, "principal_curvature");
  curvature[2 * 4000] = 254;
  curvature[2 * 4000 + 1] = 0;
  curvature[2 * 4001] = curvature[2 * 4001 + 1] = 255;
  values_of<std::uint16_t>(sample, "depth_zbuffer")[4002] = 65535;
  const task::Example example = example_of("principal_curvature", sample, context_of(64));
  EXPECT_NEAR(example.target[0].flatten()[4000].item<double>(), (254 - 123.572) / 31.922, 1e-5);
  EXPECT_NEAR(example.target[1].flatten()[4000].item<double>(), (0 - 120.1) / 21.658, 1e-5);
  EXPECT_EQ(example.mask.flatten()[4001].item<float>(), 0);
  EXPECT_EQ(example.mask.flatten()[4002].item<float>(), 0);
  EXPECT_EQ(example.mask.flatten()[4003].item<float>(), 1);
  // One stored step is 1 / 0.03 / 127 per metre.
  const auto metrics = make("curvature", context_of(64))->make_metrics();
  const at::Tensor step = at::tensor({1 / 31.922F, 1 / 21.658F}).view({1, 2, 1, 1});
  metrics->add(example.target.unsqueeze(0) + step, batch_of(example));
  EXPECT_NEAR(metrics->result()[0], 1 / 0.03 / 127, 1e-4);
  EXPECT_NEAR(metrics->result()[1], 1 / 0.03 / 127, 1e-4);
}

TEST(Curvature, ReachesBeyondOneDeviationUnlessAsInTheOriginal) {
  for (const bool paper : {false, true}) {
    const auto head = make("curvature", paper ? paper_context(64) : context_of(64))->make_head({.channels = 8, .side = 4, .width = 16});
    nn::initialise(*head, 1);
    for (const nn::NamedTensor& each : head->parameters()) {
      if (each.name == "output.bias") each.tensor.detach().fill_(5);
    }
    head->set_training(true);
    EXPECT_EQ(head->forward(random_values({2, 8, 4, 4}, 1)).max().item<double>() <= 1, paper);
  }
}

TEST(Segments, PixelsAreDrawnByTheStreamAmongLabelledOnes) {
  data::Sample sample = make_sample(64, 0);
  for (const char* name : {"segment2d", "segment25d"}) {
    const task::Example first = example_of(name, sample, context_of(64), 1);
    const task::Example again = example_of(name, sample, context_of(64), 1);
    const task::Example other = example_of(name, sample, context_of(64), 2);
    EXPECT_EQ(first.mask.sum().item<double>(), 300);
    EXPECT_TRUE(at::equal(first.mask, again.mask));
    EXPECT_FALSE(at::equal(first.mask, other.mask));
    EXPECT_TRUE((first.target.masked_select(first.mask != 0) != 255).all().item<bool>());
  }
  const auto labels = values_of<std::uint8_t>(sample, "segment_unsup2d");
  std::fill(labels.begin() + 17, labels.end(), std::uint8_t{255});
  std::fill(labels.begin(), labels.begin() + 17, std::uint8_t{3});
  EXPECT_EQ(example_of("segment2d", sample, context_of(64)).mask.sum().item<double>(), 17);
  std::fill(labels.begin(), labels.end(), std::uint8_t{255});
  const task::Example none = example_of("segment2d", sample, context_of(64));
  EXPECT_TRUE(std::isnan(make("segment2d", context_of(64))->per_image_loss(at::zeros({1, 64, 64, 64}), batch_of(none)).item<double>()));
}

/// The formula, pair by pair.
double plain_metric_loss(const at::Tensor& embedding, const at::Tensor& labels, const at::Tensor& mask) {
  const auto e = embedding.flatten(1).to(at::kDouble).t().contiguous();
  const std::int64_t dimensions = e.size(1);
  const auto* value = e.const_data_ptr<double>();
  const at::Tensor flat_labels = labels.flatten().to(at::kLong);
  const at::Tensor flat_mask = mask.flatten().contiguous();
  double sum = 0;
  double pairs = 0;
  for (std::int64_t i = 0; i < e.size(0); ++i) {
    for (std::int64_t j = 0; j < e.size(0); ++j) {
      if (flat_mask.const_data_ptr<float>()[i] == 0 || flat_mask.const_data_ptr<float>()[j] == 0) continue;
      double distance = 0;
      for (std::int64_t k = 0; k < dimensions; ++k) distance += std::pow(value[i * dimensions + k] - value[j * dimensions + k], 2);
      const double similarity = std::clamp(2 / (1 + std::exp(std::clamp(distance, 0.0, 80.0))), 1e-7, 1 - 1e-7);
      const bool same = flat_labels.const_data_ptr<std::int64_t>()[i] == flat_labels.const_data_ptr<std::int64_t>()[j];
      sum -= same ? std::log(similarity) : std::log(1 - similarity);
      ++pairs;
    }
  }
  return sum / pairs;
}

TEST(Segments, MetricLossEqualsThePlainLoop) {
  RandomStream stream(4, "labels");
  // Small, middling and distances beyond the clip; other numbers of chosen pixels in each image.
  for (const double deviation : {0.1, 0.4, 3.0}) {
    const at::Tensor embedding = random_values({3, 16, 12, 12}, 9, deviation);
    at::Tensor labels = at::empty({3, 12, 12}, at::kByte);
    at::Tensor mask = at::zeros({3, 12, 12}, at::kFloat);
    for (std::int64_t i = 0; i < labels.numel(); ++i) {
      labels.mutable_data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(stream.below(4));
      mask.mutable_data_ptr<float>()[i] = stream.uniform() < 0.2 + 0.2 * static_cast<double>(i / 144) ? 1.0F : 0.0F;
    }
    const at::Tensor losses = task::metric_loss(embedding, labels, mask);
    for (std::int64_t i = 0; i < 3; ++i) {
      const double wanted = plain_metric_loss(embedding[i], labels[i], mask[i]);
      EXPECT_NEAR(losses[i].item<double>(), wanted, 1e-6 * std::max(1.0, wanted)) << deviation;
    }
  }
}

TEST(Segments, MetricsCountPairs) {
  const data::Sample sample = make_sample(64, 0);
  const task::Example example = example_of("segment25d", sample, context_of(64));
  const auto task = make("segment25d", context_of(64));
  at::Tensor right = at::zeros({1, 64, 64, 64});
  right[0][5].copy_((example.target == 4).to(at::kFloat) * 2);
  const auto perfect = task->make_metrics();
  perfect->add(right, batch_of(example));
  EXPECT_EQ(perfect->result(), (std::vector<double>{1, 1}));
  EXPECT_LT(task->per_image_loss(right, batch_of(example)).item<double>(), 0.03);
  const auto all_one = task->make_metrics();
  all_one->add(at::zeros({1, 64, 64, 64}), batch_of(example));
  const double left = ((example.target == 4) * example.mask).sum().item<double>();
  const double others = 300 - left;
  const double same = (left * (left - 1) + others * (others - 1)) / (300.0 * 299);
  EXPECT_NEAR(all_one->result()[1], same, 1e-9);
  EXPECT_NEAR(all_one->result()[0], 2 * same / (1 + same), 1e-9);
}

TEST(Segments, PicturesShowWhatBelongsTogether) {
  const data::Sample sample = make_sample(64, 0);
  const task::Example example = example_of("segment25d", sample, context_of(64));
  const auto task = make("segment25d", context_of(64));
  const data::Image target = task->picture_of_target(example.target, example.mask);
  std::set<std::vector<std::uint8_t>> colours;
  for (int i = 0; i < 64 * 64; ++i) colours.insert({target.pixels.begin() + 3 * i, target.pixels.begin() + 3 * i + 3});
  EXPECT_EQ(colours.size(), 3U);
  at::Tensor embedding = at::zeros({64, 64, 64});
  embedding[5].copy_((example.target == 4).to(at::kFloat));
  const data::Image prediction = task->picture_of_prediction(embedding);
  colours.clear();
  for (int i = 0; i < 64 * 64; ++i) colours.insert({prediction.pixels.begin() + 3 * i, prediction.pixels.begin() + 3 * i + 3});
  EXPECT_EQ(colours.size(), 2U);
}

TEST(Colorization, BinsAndWeights) {
  std::set<ColourAb> distinct(colour_bins().begin(), colour_bins().end());
  EXPECT_EQ(distinct.size(), 313U);
  EXPECT_TRUE(std::is_sorted(colour_bins().begin(), colour_bins().end()));
  double sum = 0;
  double mean = 0;
  for (std::size_t i = 0; i < 313; ++i) {
    sum += colour_prior()[i];
    mean += colour_prior()[i] * colour_weights()[i];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_NEAR(mean, 1, 1e-6);
}

TEST(Colorization, LossEqualsThePlainLoop) {
  const at::Tensor logits = random_values({2, 313, 3, 4}, 11, 2);
  const at::Tensor ab = random_values({2, 2, 3, 4}, 12, 30);
  const at::Tensor losses = colour_loss(logits, ab);
  for (std::int64_t image = 0; image < 2; ++image) {
    double sum = 0;
    for (std::int64_t pixel = 0; pixel < 12; ++pixel) {
      const auto at_pixel = [&](const at::Tensor& tensor, std::int64_t channel) {
        return static_cast<double>(tensor[image][channel].flatten()[pixel].item<float>());
      };
      std::vector<std::pair<double, std::int64_t>> distances;
      double normaliser = 0;
      for (std::int64_t bin = 0; bin < 313; ++bin) {
        const ColourAb& point = colour_bins()[static_cast<std::size_t>(bin)];
        distances.emplace_back(std::pow(at_pixel(ab, 0) - point[0], 2) + std::pow(at_pixel(ab, 1) - point[1], 2), bin);
        normaliser += std::exp(at_pixel(logits, bin));
      }
      std::sort(distances.begin(), distances.end());
      double shares = 0;
      double entropy = 0;
      for (std::size_t k = 0; k < 10; ++k) {
        const double share = std::exp(-distances[k].first / 50);
        shares += share;
        entropy -= share * (at_pixel(logits, distances[k].second) - std::log(normaliser));
      }
      sum += entropy / shares * colour_weights()[static_cast<std::size_t>(distances[0].second)];
    }
    EXPECT_NEAR(losses[image].item<double>(), sum / 12, 1e-6 * std::max(1.0, sum / 12));
  }
}

TEST(Colorization, SeesLightnessAloneAndDecodesWhatItIsTold) {
  data::Sample sample = make_sample(64, 0);
  const auto rgb = values_of<std::uint8_t>(sample, "rgb");
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = i % 3 == 0 ? 255 : 0;
  const auto task = make("colorization", context_of(64));
  const task::Example example = example_of("colorization", sample, context_of(64));
  // sRGB red is (53.24, 80.09, 67.20) in CIE Lab.
  EXPECT_EQ(example.target.sizes(), at::IntArrayRef({2, 16, 16}));
  EXPECT_NEAR(example.input[0][5][5].item<double>(), 53.24 / 50 - 1, 1e-3);
  EXPECT_NEAR(example.target[0][5][5].item<double>(), 80.09, 0.2);
  EXPECT_NEAR(example.target[1][5][5].item<double>(), 67.20, 0.2);
  EXPECT_TRUE(at::equal(task->encoder_input(sample), example.input));
  EXPECT_FALSE(task->info().target);

  at::Tensor logits = at::zeros({1, 313, 16, 16});
  const auto bin = std::find(colour_bins().begin(), colour_bins().end(), ColourAb{80, 70}) - colour_bins().begin();
  logits.select(1, bin).fill_(40);
  const at::Tensor decoded = decoded_colours(logits);
  EXPECT_NEAR(decoded[0][0][3][3].item<double>(), 80, 1e-3);
  EXPECT_NEAR(decoded[0][1][3][3].item<double>(), 70, 1e-3);
  const auto metrics = task->make_metrics();
  metrics->add(logits, batch_of(example));
  EXPECT_NEAR(metrics->result()[0], std::hypot(0.09, 2.8), 0.1);
  EXPECT_EQ(metrics->result()[1], 1);
  EXPECT_EQ(task->picture_of_prediction(logits[0]).width, 64);
}

}  // namespace
}  // namespace affinis::tasks
