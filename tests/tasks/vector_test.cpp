#include <chrono>
#include <cmath>
#include <limits>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/module.h"
#include "framework/task/losses.h"
#include "tasks/builtin.h"
#include "tasks/camera_geometry.h"
#include "tasks/permutations.h"
#include "tasks/poses.h"
#include "tasks/view_metrics.h"
#include "tests/tasks/vector_samples.h"

namespace affinis::tasks {
namespace {

using ::testing::HasSubstr;
using testing::make_groups;
using testing::make_view;
using testing::vector_context;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::string> kNames = {"class_1000", "class_places", "ego_motion",  "fix_pose", "jigsaw",
                                         "non_fixated_pose", "point_match", "random", "room_layout", "vanishing_point"};

std::shared_ptr<const task::Task> make(const std::string& name, const task::TaskContext& context) {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  return registry.get(name)->make(context);
}

task::Example example_of(const task::Task& task, const std::vector<data::Sample>& samples, std::uint64_t seed = 1) {
  RandomStream stream(seed, "example");
  return task.example(samples, stream);
}


at::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed, double scale = 1) {
  RandomStream stream(seed, "values");
  at::Tensor tensor = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.mutable_data_ptr<float>()[i] = static_cast<float>(stream.normal(0, scale));
  return tensor;
}

/// Zeros and ones; the first row is all zero.
at::Tensor random_mask(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  at::Tensor mask = (random_tensor({rows, columns}, seed) > -0.5).to(at::kFloat);
  mask[0].zero_();
  return mask;
}

void expect_rows(const at::Tensor& losses, const std::vector<double>& wanted) {
  ASSERT_EQ(losses.numel(), static_cast<std::int64_t>(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double value = losses[static_cast<std::int64_t>(i)].item<double>();
    if (std::isnan(wanted[i])) {
      EXPECT_TRUE(std::isnan(value)) << i;
    } else {
      EXPECT_NEAR(value, wanted[i], 1e-6 * std::max(1.0, std::abs(wanted[i]))) << i;
    }
  }
}

TEST(VectorTasks, NamesRolesAndAliases) {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  const std::vector<std::pair<std::string, std::string>> aliases = {
      {"class_object", "class_1000"},        {"class_scene", "class_places"},     {"egomotion", "ego_motion"},
      {"fixated_pose", "fix_pose"},          {"nonfixated_pose", "non_fixated_pose"}, {"point_matching", "point_match"},
      {"vanishing_point_well_defined", "vanishing_point"}};
  for (const auto& [alias, name] : aliases) EXPECT_EQ(registry.get(alias)->info.name, name);
  for (const std::string& name : kNames) {
    const task::TaskInfo& info = registry.get(name)->info;
    EXPECT_TRUE(info.source) << name;
    EXPECT_EQ(info.target, name != "jigsaw" && name != "random") << name;
    EXPECT_EQ(info.encoder_learns, name != "random") << name;
  }
}

TEST(VectorTasks, AreMadeAtBothScales) {
  for (const auto& [side, width] : {std::pair<std::int64_t, std::int64_t>{64, 16}, {256, 64}}) {
    for (const std::string& name : kNames) {
      SCOPED_TRACE(name + " at " + std::to_string(side));
      const auto task = make(name, vector_context(side));
      const task::TaskInfo& info = task->info();
      const task::Example example = example_of(*task, make_groups(side, 1, info.sample_count()).front());
      const std::vector<std::int64_t> image = {3, side, side};
      std::vector<std::int64_t> several = image;
      several.insert(several.begin(), info.arity);
      EXPECT_EQ(example.input.sizes(), at::IntArrayRef(info.arity > 1 ? several : image));
      EXPECT_GE(example.input.min().item<float>(), -1);
      EXPECT_LE(example.input.max().item<float>(), 1);
      EXPECT_TRUE(info.sample_count() == 1 || example.mask.defined());
      if (at::isFloatingType(example.target.scalar_type())) {
        EXPECT_EQ(example.target.sizes(), at::IntArrayRef(task->prediction_shape()));
        EXPECT_LT(example.target.abs().max().item<float>(), 6);
      }
      EXPECT_GT(nn::parameter_count(*task->make_head({.channels = 8 * info.arity, .side = side / 16, .width = width})), 0);
      EXPECT_EQ(task->make_metrics()->result().size(), info.metrics.size());
    }
  }
}

TEST(VectorTasks, HeadsHaveTaskonomysSizes) {
  // Weights and two BatchNorm numbers a hidden unit, or weights and biases; then the output layer with biases.
  const auto layers = [](std::int64_t in, std::vector<std::int64_t> hidden, std::int64_t out, bool norm) {
    std::int64_t count = 0;
    for (const std::int64_t each : hidden) {
      count += in * each + (norm ? 2 : 1) * each;
      in = each;
    }
    return count + in * out + out;
  };
  const std::int64_t one = 16 * 16 * 8;
  task::TaskContext context = vector_context(256);
  context.vocabularies["object"].resize(1000, "thing");
  context.vocabularies["scene"].resize(63, "place");
  const std::vector<std::pair<std::string, std::int64_t>> wanted = {
      {"class_1000", layers(one, {2048}, 1000, true)},        {"class_places", layers(one, {2048}, 63, true)},
      {"room_layout", layers(one, {2048}, 9, true)},          {"vanishing_point", layers(one, {2048}, 9, true)},
      {"fix_pose", layers(2 * one, {2048}, 6, true)},         {"non_fixated_pose", layers(2 * one, {2048, 2048}, 6, true)},
      {"point_match", layers(2 * one, {256}, 2, true)},       {"ego_motion", layers(3 * one, {1024, 1024}, 12, false)},
      {"jigsaw", layers(9 * one, {2048, 2048}, 100, true)},   {"random", layers(one, {2048}, 16, true)}};
  for (const auto& [name, count] : wanted) {
    const auto task = make(name, context);
    EXPECT_EQ(nn::parameter_count(*task->make_head({.channels = 8 * task->info().arity, .side = 16, .width = 64})), count) << name;
  }
}

TEST(VectorLosses, SoftCrossEntropyEqualsALoop) {
  const at::Tensor logits = random_tensor({5, 7}, 1, 3);
  const at::Tensor shares = at::softmax(random_tensor({5, 7}, 2), 1);
  const at::Tensor mask = random_mask(5, 7, 3);
  std::vector<double> wanted;
  std::vector<double> unmasked;
  for (std::int64_t i = 0; i < 5; ++i) {
    double exponentials = 0;
    for (std::int64_t k = 0; k < 7; ++k) exponentials += std::exp(logits[i][k].item<double>());
    double sum = 0;
    double all = 0;
    bool some = false;
    for (std::int64_t k = 0; k < 7; ++k) {
      const double term = -shares[i][k].item<double>() * (logits[i][k].item<double>() - std::log(exponentials));
      all += term;
      if (mask[i][k].item<float>() == 0) continue;
      some = true;
      sum += term;
    }
    wanted.push_back(some ? sum : kNaN);
    unmasked.push_back(all);
  }
  expect_rows(task::soft_cross_entropy(logits, shares, mask), wanted);
  expect_rows(task::soft_cross_entropy(logits, shares, {}), unmasked);
}

double distance_by_loop(const at::Tensor& a, const at::Tensor& b, const at::Tensor& mask) {
  double sum = 0;
  bool some = false;
  for (std::int64_t k = 0; k < a.numel(); ++k) {
    if (mask.defined() && mask[k].item<float>() == 0) continue;
    some = true;
    const double difference = a[k].item<double>() - b[k].item<double>();
    sum += difference * difference;
  }
  return some ? std::sqrt(sum) : kNaN;
}

TEST(VectorLosses, EuclideanDistanceEqualsALoop) {
  const at::Tensor prediction = random_tensor({6, 6}, 1);
  const at::Tensor target = random_tensor({6, 6}, 2);
  const at::Tensor mask = random_mask(6, 6, 3);
  std::vector<double> wanted;
  std::vector<double> unmasked;
  for (std::int64_t i = 0; i < 6; ++i) {
    wanted.push_back(distance_by_loop(prediction[i], target[i], mask[i]));
    unmasked.push_back(distance_by_loop(prediction[i], target[i], {}));
  }
  expect_rows(task::euclidean_distance(prediction, target, mask), wanted);
  expect_rows(task::euclidean_distance(prediction, target, {}), unmasked);
}

TEST(VectorLosses, ExactPredictionsHaveAFiniteSlope) {
  const at::Tensor target = random_tensor({2, 6}, 2);
  const at::Tensor leaf = target.clone().set_requires_grad(true);
  task::euclidean_distance(leaf, target, {}).sum().backward();
  EXPECT_EQ(leaf.grad().abs().max().item<float>(), 0);
}

/// Six numbers composed by plain matrices.
PoseNumbers composed_by_matrices(const std::array<double, 12>& both) {
  const auto rotation = [&](std::size_t i) { return rotation_from_euler({both[i], both[i + 1], both[i + 2]}); };
  const cv::Vec3d angles = euler_from_rotation(rotation(6) * rotation(0));
  const cv::Vec3d translation = rotation(6) * cv::Vec3d(both[3], both[4], both[5]) + cv::Vec3d(both[9], both[10], both[11]);
  return {angles[0], angles[1], angles[2], translation[0], translation[1], translation[2]};
}

TEST(EgoMotion, PosesComposeAsMatrices) {
  const at::Tensor poses = random_tensor({50, 12}, 4);
  const at::Tensor composed = composed_poses(poses.slice(1, 0, 6).to(at::kDouble), poses.slice(1, 6).to(at::kDouble));
  for (std::int64_t i = 0; i < 50; ++i) {
    std::array<double, 12> both{};
    for (std::int64_t k = 0; k < 12; ++k) both[static_cast<std::size_t>(k)] = poses[i][k].item<double>();
    const PoseNumbers wanted = composed_by_matrices(both);
    for (std::int64_t k = 0; k < 6; ++k) EXPECT_NEAR(composed[i][k].item<double>(), wanted[static_cast<std::size_t>(k)], 1e-6);
  }
}

TEST(EgoMotion, TheComposedPoseIsThatOfTheFirstAndThirdView) {
  const std::vector<data::Sample> views = make_groups(16, 1, 3).front();
  std::array<double, 12> both{};
  const PoseNumbers first = relative_pose(camera_of(views[0]), camera_of(views[1]));
  const PoseNumbers second = relative_pose(camera_of(views[1]), camera_of(views[2]));
  std::copy(first.begin(), first.end(), both.begin());
  std::copy(second.begin(), second.end(), both.begin() + 6);
  const PoseNumbers wanted = relative_pose(camera_of(views[0]), camera_of(views[2]));
  const PoseNumbers composed = composed_by_matrices(both);
  for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(composed[k], wanted[k], 1e-9);
}

TEST(EgoMotion, LossEqualsALoop) {
  for (const bool paper : {false, true}) {
    SCOPED_TRACE(paper);
    task::TaskContext context = vector_context(64);
    context.paper_compatible = paper;
    const auto task = make("ego_motion", context);
    const PoseScale& scale = fixated_scale(paper);
    const std::int64_t rows = 6;
    task::Batch batch;
    batch.target = random_tensor({rows, 12}, 5, paper ? 0.1 : 1);
    const at::Tensor prediction = random_tensor({rows, 12}, 6, paper ? 0.1 : 1);
    for (const bool masked : {false, true}) {
      batch.mask = masked ? random_mask(rows, 12, 7) : at::Tensor();
      if (masked) batch.mask[1].fill_(1);
      std::vector<double> wanted;
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto metric = [&](const at::Tensor& tensor) {
          std::array<double, 12> numbers{};
          for (std::size_t k = 0; k < 12; ++k) numbers[k] = scale.mean[k % 6] + scale.deviation[k % 6] * tensor[i][static_cast<std::int64_t>(k)].item<double>();
          return numbers;
        };
        double sum = 0;
        bool some = false;
        for (const std::int64_t part : {0, 6}) {
          const at::Tensor mask = masked ? batch.mask[i].slice(0, part, part + 6) : at::Tensor();
          const double term = distance_by_loop(prediction[i].slice(0, part, part + 6), batch.target[i].slice(0, part, part + 6), mask);
          if (std::isnan(term)) continue;
          some = true;
          sum += term;
        }
        if (!masked || batch.mask[i].min().item<float>() != 0) {
          const PoseNumbers p = composed_by_matrices(metric(prediction));
          const PoseNumbers t = composed_by_matrices(metric(batch.target));
          double squares = 0;
          for (std::size_t k = 0; k < 6; ++k) {
            const double difference = p[k] - t[k];
            const double wrapped = k < 3 && !paper ? std::remainder(difference, 2 * std::acos(-1.0)) : difference;
            squares += std::pow(wrapped / scale.deviation[k], 2);
          }
          sum += 0.5 * std::sqrt(squares);
        }
        wanted.push_back(some ? sum : kNaN);
      }
      const at::Tensor losses = task->per_image_loss(prediction, batch);
      ASSERT_EQ(losses.scalar_type(), at::kFloat);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double value = losses[static_cast<std::int64_t>(i)].item<double>();
        EXPECT_EQ(std::isnan(value), std::isnan(wanted[i])) << i;
        if (std::isnan(value)) continue;
        EXPECT_NEAR(value, wanted[i], 1e-6 * std::max(1.0, wanted[i])) << i;
      }
    }
  }
}

TEST(RoomLayout, TheRealViewsTargetIsStandardised) {
  data::Sample sample = make_view(16, 0, 0);
  const cv::Vec3d location(-6.191483974456787, 4.649560928344727, 1.414849042892456);
  const cv::Matx33d to_camera =
      cv::Matx33d(1, 0, 0, 0, -1, 0, 0, 0, -1) * rotation_from_euler({1.5115954875946045, -0.004465199075639248, -1.702255129814148}).t();
  const auto camera = sample.fields.find("camera")->second.as<double>();
  for (int i = 0; i < 3; ++i) camera[static_cast<std::size_t>(i)] = location[i];
  for (int i = 0; i < 9; ++i) camera[static_cast<std::size_t>(3 + i)] = to_camera.val[i];
  const double box[6] = {-6.191483974456787, -0.416909422720634, -0.03157793154430988, 1.5025687484376702, 6.691318439720847, 2.986764926138477};
  std::copy(std::begin(box), std::end(box), sample.fields.find("room_box")->second.as<double>().begin());
  const double wanted[9] = {1.141058, 0.41474, -0.416092, -0.248554, -0.307986, -0.323436, 0.518861, 1.11908, 0.201276};
  const task::Example example = example_of(*make("room_layout", vector_context(16)), {sample});
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_NEAR(example.target[i].item<double>(), wanted[i], 1e-4) << i;
}

TEST(ObjectClass, TheGreatestShareIsTheLabel) {
  data::Sample sample = make_view(16, 5, 0);
  const auto object = sample.fields.find("object")->second.as<std::uint8_t>();
  std::fill(object.begin(), object.end(), std::uint8_t{255});
  const auto hard = make("class_1000", vector_context(16));
  task::TaskContext context = vector_context(16);
  context.soft_labels = true;
  const auto soft = make("class_1000", context);
  EXPECT_EQ(example_of(*hard, {sample}).mask.item<float>(), 0);
  EXPECT_EQ(example_of(*soft, {sample}).mask.sum().item<float>(), 0);
  for (std::size_t i = 0; i < 30; ++i) object[i] = 4;
  for (std::size_t i = 30; i < 40; ++i) object[i] = 2;
  EXPECT_EQ(example_of(*hard, {sample}).target.item<std::int64_t>(), 4);
  const task::Example shares = example_of(*soft, {sample});
  EXPECT_EQ(shares.mask.sum().item<float>(), 7);
  EXPECT_FLOAT_EQ(shares.target[4].item<float>(), 0.75F);
  EXPECT_FLOAT_EQ(shares.target[2].item<float>(), 0.25F);
  object[0] = 7;
  try {
    example_of(*hard, {sample});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("field object holds the label 7"));
  }
  context.vocabularies.erase("object");
  EXPECT_THROW(make("class_1000", context), Error);
}

TEST(SceneClass, SoftLabelsAreSmoothed) {
  task::TaskContext context = vector_context(16);
  context.soft_labels = true;
  const task::Example example = example_of(*make("class_places", context), {make_view(16, 2, 0)});
  EXPECT_NEAR(example.target.sum().item<double>(), 1, 1e-6);
  EXPECT_NEAR(example.target[2].item<double>(), 0.9 + 0.1 / 6, 1e-6);
  EXPECT_NEAR(example.target[0].item<double>(), 0.1 / 6, 1e-6);
}

TEST(PointMatch, SamePointOfTheSameScene) {
  const auto task = make("point_match", vector_context(16));
  const data::Sample first = make_view(16, 0, 0);
  data::Sample second = make_view(16, 1, 0);
  const auto label = [&] { return example_of(*task, {first, second}).target.item<std::int64_t>(); };
  EXPECT_EQ(label(), 1);
  second.key.scene = "another";
  EXPECT_EQ(label(), 0);
  second = make_view(16, 1, 1);
  EXPECT_EQ(label(), 0);
  second = make_view(16, 1, -1);
  EXPECT_EQ(example_of(*task, {first, second}).mask.item<float>(), 0);
}

TEST(Jigsaw, PermutationsDifferInSevenPlaces) {
  const std::vector<Permutation>& permutations = jigsaw_permutations();
  ASSERT_EQ(permutations.size(), kPermutationCount);
  double sum = 0;
  for (std::size_t i = 0; i < permutations.size(); ++i) {
    EXPECT_EQ(std::set<int>(permutations[i].begin(), permutations[i].end()), (std::set<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_GE(hamming_distance(permutations[i], permutations[j]), 7);
      sum += hamming_distance(permutations[i], permutations[j]);
    }
  }
  const double mean = sum / (kPermutationCount * (kPermutationCount - 1) / 2.0);
  RecordProperty("mean_hamming_distance", std::to_string(mean));
  EXPECT_GT(mean, 8);
  EXPECT_EQ(permutations.front(), (Permutation{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Jigsaw, TilesLieAsThePermutationSays) {
  data::Sample sample = make_view(63, 0, 0);
  const auto rgb = sample.fields.find("rgb")->second.as<std::uint8_t>();
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const std::size_t x = i / 3 % 63;
    const std::size_t y = i / 3 / 63;
    rgb[i] = static_cast<std::uint8_t>(20 * (y / 21 * 3 + x / 21));
  }
  const auto task = make("jigsaw", vector_context(63));
  std::set<std::int64_t> labels;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const task::Example example = example_of(*task, {sample}, seed);
    const Permutation& order = jigsaw_permutations()[static_cast<std::size_t>(example.target.item<std::int64_t>())];
    labels.insert(example.target.item<std::int64_t>());
    for (std::int64_t tile = 0; tile < 9; ++tile) {
      const float wanted = static_cast<float>(2 * 20 * order[static_cast<std::size_t>(tile)] - 255) / 255;
      EXPECT_NEAR(example.input[tile].min().item<float>(), wanted, 1e-6);
      EXPECT_NEAR(example.input[tile].max().item<float>(), wanted, 1e-6);
    }
  }
  EXPECT_GT(labels.size(), 10U);
  EXPECT_EQ(task->encoder_input(sample).sizes(), at::IntArrayRef({3, 63, 63}));
}

TEST(RandomProjection, DoesNotDependOnTheSideOrTheBrightness) {
  data::Sample sample = make_view(32, 0, 0);
  data::Sample twice = make_view(64, 0, 0);
  const auto small = sample.fields.find("rgb")->second.as<std::uint8_t>();
  const auto large = twice.fields.find("rgb")->second.as<std::uint8_t>();
  for (std::size_t y = 0; y < 64; ++y) {
    for (std::size_t x = 0; x < 64; ++x) {
      for (std::size_t c = 0; c < 3; ++c) large[(y * 64 + x) * 3 + c] = small[(y / 2 * 32 + x / 2) * 3 + c];
    }
  }
  const at::Tensor numbers = example_of(*make("random", vector_context(32)), {sample}).target;
  EXPECT_LT((numbers - example_of(*make("random", vector_context(64)), {twice}).target).abs().max().item<float>(), 1e-4F);
  EXPECT_GT(numbers.abs().max().item<float>(), 0.05F);
  std::fill(small.begin(), small.end(), std::uint8_t{200});
  EXPECT_LT(example_of(*make("random", vector_context(32)), {sample}).target.abs().max().item<float>(), 1e-4F);
}

TEST(ViewMetrics, PosesAreComparedInDegreesAndMetres) {
  const auto task = make("fix_pose", vector_context(64));
  const PoseScale& scale = fixated_scale(false);
  task::Batch batch;
  batch.target = at::zeros({3, 6});
  batch.mask = at::ones({3, 6});
  batch.mask[2].zero_();
  at::Tensor prediction = at::zeros({3, 6});
  prediction[0][0] = 0.1 / scale.deviation[0];
  prediction[1][4] = 0.5 / scale.deviation[4];
  prediction[2].fill_(100);
  const auto metrics = task->make_metrics();
  metrics->add(prediction, batch);
  const double degrees = 0.1 * 180 / std::acos(-1.0);
  EXPECT_THAT(metrics->result(), ::testing::ElementsAre(::testing::DoubleNear(degrees / 2, 1e-4), ::testing::DoubleNear(degrees / 2, 1e-4),
                                                        ::testing::DoubleNear(0.25, 1e-6), ::testing::DoubleNear(0.25, 1e-6)));
}

TEST(ViewMetrics, LayoutAndDirections) {
  task::Batch batch;
  batch.target = at::zeros({1, 9});
  const auto layout = make("room_layout", vector_context(64))->make_metrics();
  at::Tensor prediction = at::zeros({1, 9});
  prediction[0][2] = 1;
  prediction[0][8] = 1;
  layout->add(prediction, batch);
  EXPECT_NEAR(layout->result()[0], 2.080513632, 1e-5);
  EXPECT_NEAR(layout->result()[1], 1.22691859 / 3, 1e-5);
  EXPECT_NEAR(layout->result()[2], 0, 1e-3);
  const auto directions = make("vanishing_point", vector_context(64))->make_metrics();
  batch.target = at::eye(3).view({1, 9});
  prediction = batch.target.clone();
  prediction[0][1] = 1;
  directions->add(prediction, batch);
  EXPECT_NEAR(directions->result()[0], 15, 1e-4);
  EXPECT_NEAR(directions->result()[1], 0, 1e-4);
}

TEST(ViewMetrics, MatchingCountsPairs) {
  const auto metrics = matching_metrics().make();
  EXPECT_TRUE(std::isnan(metrics->result()[0]));
  task::Batch batch;
  batch.target = at::tensor({0, 0, 1, 1, 1}, at::kLong);
  batch.mask = at::tensor({1.0F, 1.0F, 1.0F, 1.0F, 0.0F});
  const at::Tensor scores = at::tensor({-1.0F, 0.5F, 0.5F, 2.0F, -9.0F});
  metrics->add(at::stack({at::zeros({5}), scores}, 1), batch);
  EXPECT_DOUBLE_EQ(metrics->result()[0], 0.75);
  EXPECT_DOUBLE_EQ(metrics->result()[1], 3.5 / 4);
}

TEST(VectorTasks, PicturesOfTargetsAndPredictionsAgree) {
  for (const std::string name : {"ego_motion", "fix_pose", "non_fixated_pose", "random", "room_layout", "vanishing_point"}) {
    const auto task = make(name, vector_context(64));
    const task::Example example = example_of(*task, make_groups(64, 1, task->info().sample_count()).front());
    const data::Image target = task->picture_of_target(example.target, example.mask);
    EXPECT_EQ(target.pixels, task->picture_of_prediction(example.target).pixels) << name;
    EXPECT_NE(target.pixels, task->picture_of_prediction(example.target + 0.5).pixels) << name;
    // Wild predictions of a network that has not learned yet.
    EXPECT_NO_THROW(task->picture_of_prediction(example.target * 1e6)) << name;
    EXPECT_NO_THROW(task->picture_of_prediction(example.target * kNaN)) << name;
  }
}

TEST(VectorTasks, ExamplesAreCheap) {
  for (const std::string& name : kNames) {
    const auto task = make(name, vector_context(64));
    const std::vector<data::Sample> samples = make_groups(64, 1, task->info().sample_count()).front();
    double best = 1;
    for (int i = 0; i < 20; ++i) {
      const auto start = std::chrono::steady_clock::now();
      example_of(*task, samples);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    RecordProperty(name + "_microseconds", std::to_string(best * 1e6));
    EXPECT_LT(best, 5e-3) << name;
  }
}

}  // namespace
}  // namespace affinis::tasks
