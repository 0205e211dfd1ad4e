#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/core/random.h"
#include "framework/core/registry.h"
#include "framework/data/image.h"
#include "framework/data/sample.h"
#include "framework/data/store.h"
#include "framework/nn/module.h"

namespace affinis::task {

/// A metric of the field beside the loss.
struct MetricInfo {
  std::string name;  ///< "angular_error_mean"
  std::string unit;  ///< "deg"; empty for shares
  bool higher_is_better = true;
  std::string doc;
};

/// Which other samples complete the example of a task that looks at several views at once; the first sample is the anchor.
enum class Partners {
  kScene,        ///< any other views of the anchor's scene
  kFixated,      ///< views that look at the same point as the anchor
  kOverlapping,  ///< views of the scene that look at another point, but share visible points with the anchor
  /// By the toss of a coin a view that looks at the same point, or one that looks at another point (of this scene or of another one,
  /// half and half).
  kMatchOrNot,
};

/// What is known about a task without any data.
struct TaskInfo {
  std::string name;                  ///< "rgb2depth"
  std::vector<std::string> aliases;  ///< released key, data-set folder, visualpriors' name
  std::string display_name;          ///< "Z-Depth"
  std::string family;                ///< "2d", "3d", "semantic" or "geometric"
  std::int64_t arity = 1;            ///< images that the encoder sees for one example: 2 for a pair, 9 for a jigsaw's tiles
  std::int64_t samples = 0;          ///< samples an example is made of; 0: as many as arity
  Partners partners = Partners::kScene;  ///< which samples go together when it is more than one
  std::int64_t input_channels = 3;       ///< of each image
  /// False for a task whose encoder stays as it was drawn (random projections): only its head learns.
  bool encoder_learns = true;
  bool source = true;
  bool target = true;
  std::vector<std::string> fields;  ///< fields that example() reads
  std::string head;                 ///< "dense", "quarter" or "vector"
  std::string loss;                 ///< "masked L1", "cross-entropy", ...
  std::vector<MetricInfo> metrics;
  std::string doc;  ///< one sentence: what is predicted, in which unit

  std::int64_t sample_count() const { return samples > 0 ? samples : arity; }
};

/// What a task needs to know of the data set it is made for.
struct TaskContext {
  std::int64_t image_side = 64;
  data::Vocabularies vocabularies;
  /// The original's known defects (tanh on semantic logits and curvature, no clipping, ...) instead of the right thing.
  bool paper_compatible = false;
  /// Classes as shares (what a teacher network would have said) instead of the one that is most so.
  bool soft_labels = false;
};

/// One training example. input: [C, H, W] float, images in [-1, 1], or [arity, C, H, W] when arity is above 1; target: [C, H, W] or [C] float or an integer label map; mask:
/// as target's pixels, 1 where the label is valid, or undefined when all of it is.
struct Example {
  at::Tensor input;
  at::Tensor target;
  at::Tensor mask;
};

/// Examples stacked along a new first dimension.
struct Batch {
  at::Tensor input;
  at::Tensor target;
  at::Tensor mask;
  std::vector<std::int64_t> indices;  ///< positions of the (anchor) samples in their store
  /// Positions of all samples of each example, anchor first, TaskInfo::sample_count() a row; empty for tasks on single samples.
  std::vector<std::int64_t> sample_indices = {};

  std::int64_t size() const { return target.defined() ? target.size(0) : 0; }
};

/// Stacks examples; masks are all defined or all undefined.
Batch collate(std::span<const Example> examples, std::span<const std::int64_t> indices);

/// What a head is put on. The representations of an example's images lie one behind the other along the channels.
struct HeadInput {
  std::int64_t channels = 8;  ///< of the representation, all images together: arity x 8
  std::int64_t side = 4;      ///< of the representation
  std::int64_t width = 64;    ///< network width: heads shrink with it
};

/// Sums a task's metrics over batches; exact over the whole set (mIoU from one confusion matrix, not a mean of means).
class MetricAccumulator {
 public:
  virtual ~MetricAccumulator() = default;
  virtual void add(const at::Tensor& prediction, const Batch& batch) = 0;
  /// One value per TaskInfo::metrics, in its order; NaN where nothing was valid.
  virtual std::vector<double> result() const = 0;
};

/// A thing to predict from an image. There is no training code in a task. Const methods are thread-safe.
class Task {
 public:
  virtual ~Task() = default;

  virtual const TaskInfo& info() const = 0;

  /// Makes the example from info().sample_count() samples; random only through `stream`.
  virtual Example example(std::span<const data::Sample> samples, RandomStream& stream) const = 0;

  /// What the task's encoder is fed when it is a source for other tasks: the whole, clean image, [info().input_channels, S, S]. RGB in
  /// [-1, 1] unless overridden. Reads the field rgb alone.
  virtual at::Tensor encoder_input(const data::Sample& sample) const;

  /// Shape of one prediction without the batch dimension ([C, H, W] or [C]).
  virtual std::vector<std::int64_t> prediction_shape() const = 0;

  /// A new, uninitialised head from a representation to a prediction.
  virtual std::unique_ptr<nn::Module> make_head(const HeadInput& input) const = 0;

  /// [N] losses in float32, one an image, deterministic: tournaments compare them. NaN for an image without any valid label.
  virtual at::Tensor per_image_loss(const at::Tensor& prediction, const Batch& batch) const = 0;

  /// The scalar that training minimises: the mean of per_image_loss over images that have labels, unless a task overrides it. Zero
  /// (with a gradient of zero) when no image has.
  virtual at::Tensor loss(const at::Tensor& prediction, const Batch& batch) const;

  virtual std::unique_ptr<MetricAccumulator> make_metrics() const = 0;

  /// How a person sees an input, a target (mask may be undefined) and a prediction of one example (no batch dimension).
  virtual data::Image picture_of_input(const at::Tensor& input) const;
  virtual data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const = 0;
  virtual data::Image picture_of_prediction(const at::Tensor& prediction) const = 0;
};

/// What the registry holds: a task before it meets a data set.
struct TaskType {
  TaskInfo info;
  std::function<std::shared_ptr<const Task>(const TaskContext&)> make;
};

/// All tasks: built-in ones by tasks::register_builtin_tasks, plug-ins by load_plugin.
using TaskRegistry = Registry<TaskType>;

/// Adds the type under info.name and info.aliases.
void register_task(TaskRegistry& registry, TaskType type);

}  // namespace affinis::task
