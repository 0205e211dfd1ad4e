// How cameras stand to each other.

#include "tasks/poses.h"

#include <limits>
#include <numbers>

#include <ATen/ATen.h>

#include "framework/task/losses.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_metrics.h"
#include "tasks/view_pictures.h"

namespace affinis::tasks {
namespace {

constexpr std::int64_t kPose = 6;

constexpr PoseScale kPaperFixated = {{-0.267375523, -0.011914704, 0.0114497274, 0.0011090341, 0.0210509948, -4.02013549},
                                     {10.12015407, 8.1103528, 1.09171896, 1.21579016, 0.26040945, 10.05966329}};
constexpr PoseScale kPaperOverlapping = {{-0.00953197445, -0.00105196691, -0.0107545642, 0.0208785638, -0.0927858049, -2.58052205},
                                         {1.02316223, 0.66477511, 1.03806996, 5.75692889, 1.37604962, 7.43157247}};
/// Over 360 and 304 ordered pairs of 120 views of 15 rooms; means that mirrored rooms would take away are 0.
constexpr PoseScale kRoomsFixated = {{0.49, 0, 0, 0, 0.37, -1.14}, {0.80, 0.76, 1.24, 1.71, 0.61, 1.28}};
constexpr PoseScale kRoomsOverlapping = {{0.79, 0, 0, 0, 0.40, -1.16}, {1.11, 0.80, 1.57, 1.57, 0.63, 1.41}};

at::Tensor row_tensor(const PoseNumbers& numbers, const at::Tensor& like) { return vector_tensor(numbers).to(like.device()); }

at::Tensor in_metres(const at::Tensor& standardised, const PoseScale& scale) {
  return standardised * row_tensor(scale.deviation, standardised) + row_tensor(scale.mean, standardised);
}

/// Rotation and translation of each six standardised numbers.
Poses poses_of(std::span<const double> numbers, const PoseScale& scale) {
  Poses poses;
  for (std::size_t first = 0; first + 5 < numbers.size(); first += 6) {
    cv::Vec6d pose;
    for (int i = 0; i < 6; ++i) {
      const auto each = static_cast<std::size_t>(i);
      pose[i] = scale.mean[each] + scale.deviation[each] * numbers[first + each];
    }
    poses.emplace_back(rotation_from_euler({pose[0], pose[1], pose[2]}), cv::Vec3d(pose[3], pose[4], pose[5]));
  }
  return poses;
}

/// [N, 6] -> [N, 3, 3].
at::Tensor rotations(const at::Tensor& poses) {
  const at::Tensor sine = poses.slice(1, 0, 3).sin();
  const at::Tensor cosine = poses.slice(1, 0, 3).cos();
  const at::Tensor sx = sine.select(1, 0);
  const at::Tensor sy = sine.select(1, 1);
  const at::Tensor sz = sine.select(1, 2);
  const at::Tensor cx = cosine.select(1, 0);
  const at::Tensor cy = cosine.select(1, 1);
  const at::Tensor cz = cosine.select(1, 2);
  return at::stack({cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,  //
                    sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,  //
                    -sy, cy * sx, cy * cx},
                   1)
      .view({-1, 3, 3});
}

/// What tasks on relative poses share: each prediction holds the standardised poses between neighbouring views.
class PoseTask : public VectorTask {
 public:
  PoseTask(task::TaskInfo info, const task::TaskContext& context, const PoseScale& scale, VectorHead head)
      : VectorTask(std::move(info), pose_metrics([&scale](std::span<const double> numbers) { return poses_of(numbers, scale); }), context, head),
        scale_(scale) {}

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor images = images_of(samples);
    std::vector<double> numbers;
    for (std::size_t i = 0; i + 1 < samples.size(); ++i) {
      const PoseNumbers pose = relative_pose(camera_of(samples[i]), camera_of(samples[i + 1]));
      for (std::size_t k = 0; k < pose.size(); ++k) numbers.push_back((pose[k] - scale_.mean[k]) / scale_.deviation[k]);
    }
    return {std::move(images), vector_tensor(numbers), all_valid(outputs())};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::euclidean_distance(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return picture_of_prediction(target); }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    Poses poses = poses_of(numbers_of(prediction), scale_);
    // From each camera to its neighbour -> from each camera to the last.
    for (std::size_t i = poses.size() - 1; i > 0; --i) {
      auto& [rotation, translation] = poses[i - 1];
      translation = poses[i].first * translation + poses[i].second;
      rotation = poses[i].first * rotation;
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i <= poses.size(); ++i) names.push_back(std::to_string(i + 1));
    return cameras_picture(poses, names, picture_side());
  }

 protected:
  const PoseScale& scale() const { return scale_; }

 private:
  const PoseScale& scale_;
};

task::TaskInfo pose_info() {
  task::TaskInfo info;
  info.family = "geometric";
  info.arity = 2;
  info.fields = {"rgb", "camera"};
  info.head = "vector";
  info.loss = "length of the difference";
  info.metrics = pose_metrics({}).infos;
  info.doc = "how the first camera's coordinates become the second's, standardised: static xyz angles (rad), translation (m)";
  return info;
}

class FixatedPose final : public PoseTask {
 public:
  explicit FixatedPose(const task::TaskContext& context)
      : PoseTask(describe(), context, fixated_scale(context.paper_compatible), {.outputs = kPose}) {}

  static task::TaskInfo describe() {
    task::TaskInfo info = pose_info();
    info.name = "fix_pose";
    info.aliases = {"fixated_pose"};
    info.display_name = "Cam. Pose (fix)";
    info.partners = task::Partners::kFixated;
    info.doc += "; both views look at the same point";
    return info;
  }
};

class NonFixatedPose final : public PoseTask {
 public:
  explicit NonFixatedPose(const task::TaskContext& context)
      : PoseTask(describe(), context, overlapping_scale(context.paper_compatible), {.outputs = kPose, .layers = 3}) {}

  static task::TaskInfo describe() {
    task::TaskInfo info = pose_info();
    info.name = "non_fixated_pose";
    info.aliases = {"nonfixated_pose"};
    info.display_name = "Cam. Pose (nonfix)";
    info.partners = task::Partners::kOverlapping;
    info.doc += "; the views look at different points and share visible ones";
    return info;
  }
};

/// A triplet's pose from the first view to the third is not predicted: it follows from the other two, and its error counts half.
class EgoMotion final : public PoseTask {
 public:
  explicit EgoMotion(const task::TaskContext& context)
      : PoseTask(describe(), context, fixated_scale(context.paper_compatible),
                 {.outputs = 2 * kPose, .layers = 3, .hidden = 1024, .batch_norm = false}),
        wraps_(!context.paper_compatible) {}

  static task::TaskInfo describe() {
    task::TaskInfo info = pose_info();
    info.name = "ego_motion";
    info.aliases = {"egomotion"};
    info.display_name = "Egomotion";
    info.arity = 3;
    info.partners = task::Partners::kFixated;
    info.loss = "length of the difference of both poses, and half that of the composed one";
    info.doc = "how cameras 1, 2 and 3, which look at the same point, follow each other: poses 12 and 23, standardised, angles (rad) and "
               "translation (m)";
    return info;
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    constexpr double kComposedWeight = 0.5;
    const auto part = [](const at::Tensor& numbers, std::int64_t which) {
      return numbers.defined() ? numbers.slice(1, which * kPose, (which + 1) * kPose) : numbers;
    };
    const auto composed = [&](const at::Tensor& numbers) {
      return composed_poses(in_metres(part(numbers, 0), scale()), in_metres(part(numbers, 1), scale()));
    };
    const at::Tensor wide = prediction.to(at::kFloat);
    at::Tensor difference = composed(wide) - composed(batch.target);
    if (wraps_) {
      // Angles of 179 and -179 degrees are two degrees apart.
      constexpr double kTurn = 2 * std::numbers::pi;
      const at::Tensor angles = difference.slice(1, 0, 3);
      difference = at::cat({angles - (angles.detach() / kTurn).round() * kTurn, difference.slice(1, 3)}, 1);
    }
    difference = difference / row_tensor(scale().deviation, difference);
    at::Tensor all_known;
    if (batch.mask.defined()) all_known = batch.mask.amin(1, true).expand_as(difference);
    const at::Tensor terms = at::stack({task::euclidean_distance(part(wide, 0), part(batch.target, 0), part(batch.mask, 0)),
                                        task::euclidean_distance(part(wide, 1), part(batch.target, 1), part(batch.mask, 1)),
                                        kComposedWeight * task::euclidean_distance(difference, at::zeros_like(difference), all_known)});
    if (!batch.mask.defined()) return terms.sum(0);
    // A pose without a label adds nothing; an example without any has no loss.
    const at::Tensor sum = at::where(terms.isnan(), at::zeros({}, terms.options()), terms).sum(0);
    return sum.masked_fill(terms.isnan().all(0), std::numeric_limits<double>::quiet_NaN());
  }

 private:
  bool wraps_;
};

}  // namespace

const PoseScale& fixated_scale(bool paper_compatible) { return paper_compatible ? kPaperFixated : kRoomsFixated; }
const PoseScale& overlapping_scale(bool paper_compatible) { return paper_compatible ? kPaperOverlapping : kRoomsOverlapping; }

at::Tensor composed_poses(const at::Tensor& first_to_second, const at::Tensor& second_to_third) {
  // Keeps the square root's slope finite where the turn about y is a quarter turn.
  constexpr double kSmooth = 1e-12;
  const at::Tensor second = rotations(second_to_third);
  const at::Tensor rotation = at::bmm(second, rotations(first_to_second));
  const at::Tensor translation = at::bmm(second, first_to_second.slice(1, 3).unsqueeze(2)).squeeze(2) + second_to_third.slice(1, 3);
  const auto entry = [&](std::int64_t row, std::int64_t column) { return rotation.select(1, row).select(1, column); };
  const at::Tensor across = (entry(0, 0).square() + entry(1, 0).square() + kSmooth).sqrt();
  return at::cat({at::stack({at::atan2(entry(2, 1), entry(2, 2)), at::atan2(-entry(2, 0), across), at::atan2(entry(1, 0), entry(0, 0))}, 1),
                  translation},
                 1);
}

void register_pose_tasks(task::TaskRegistry& registry) {
  register_type<FixatedPose>(registry);
  register_type<NonFixatedPose>(registry);
  register_type<EgoMotion>(registry);
}

}  // namespace affinis::tasks
