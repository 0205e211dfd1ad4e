#include "framework/task/check.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/data/field.h"

namespace affinis::task {
namespace {

constexpr std::int64_t kEncoderStride = 16;

/// How a check says that it failed.
class Failed {
 public:
  explicit Failed(std::string sentence) : sentence_(std::move(sentence)) {}
  const std::string& sentence() const { return sentence_; }

 private:
  std::string sentence_;
};

template <typename... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw Failed(fmt::format(format, std::forward<Args>(args)...));
}

std::string shape_of(const at::Tensor& tensor) { return tensor.defined() ? c10::str(tensor.sizes()) : "nothing"; }

bool same(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a.sizes() == b.sizes() && a.dtype() == b.dtype() && at::equal(a, b);
}

/// The batch's mask as wide as its target: [N, 1, H, W] over channels, [N, 1] or [N] over all that an example's target holds.
at::Tensor mask_like_target(const Batch& batch) {
  at::Tensor mask = batch.mask;
  while (mask.dim() < batch.target.dim()) mask = mask.unsqueeze(-1);
  return mask.expand_as(batch.target);
}

/// Whether a mask goes with a target (no batch dimension): one value an element, one for all channels of a pixel, or one for the example.
bool goes_with(const at::Tensor& mask, const at::Tensor& target) {
  std::vector<std::int64_t> pixels = target.sizes().vec();
  if (pixels.size() > 1) pixels[0] = 1;
  return mask.sizes() == target.sizes() || mask.sizes() == at::IntArrayRef(pixels) || mask.numel() == 1;
}

double maximum_difference(const at::Tensor& a, const at::Tensor& b) {
  return at::nan_to_num(a - b).abs().max().item<double>();
}

class Checker {
 public:
  Checker(const Task& task, const std::vector<SampleGroup>& groups, const CheckOptions& options)
      : task_(task), groups_(groups), options_(options) {}

  std::vector<CheckResult> run() {
    at::manual_seed(options_.seed);
    check("description", [&] { return description(); });
    const bool examples = check("shapes of examples", [&] { return example_shapes(); });
    if (!examples) return results_;
    check("finite examples", [&] { return finite_examples(); });
    check("determinism", [&] { return determinism(); });
    if (task_.info().source) check("input of the encoder", [&] { return encoder_input(); });
    if (!check("shape of predictions", [&] { return prediction_shape(); })) return results_;
    check("finite predictions", [&] { return finite_predictions(); });
    if (!check("per-image loss", [&] { return per_image_loss(); })) return results_;
    check("loss", [&] { return loss(); });
    check("images apart", [&] { return images_apart(); });
    check("mask", [&] { return mask(); });
    check("no labels", [&] { return no_labels(); });
    check("metrics", [&] { return metrics(); });
    check("pictures", [&] { return pictures(); });
    check("finite differences", [&] { return finite_differences(); });
    check("gradient", [&] { return gradient(); });
    check("overfit", [&] { return overfit(); });
    return results_;
  }

 private:
  bool check(const std::string& name, const std::function<std::string()>& body) {
    CheckResult result{name, false, {}};
    try {
      result.sentence = body();
      result.passed = true;
    } catch (const Failed& failed) {
      result.sentence = failed.sentence();
    } catch (const Error& error) {
      result.sentence = fmt::format("the task throws: {}", error.what());
    } catch (const c10::Error& error) {
      result.sentence = fmt::format("LibTorch throws: {}", error.what_without_backtrace());
    } catch (const std::exception& error) {
      result.sentence = fmt::format("the task throws: {}", error.what());
    } catch (...) {
      result.sentence = "the task throws something that is no std::exception";
    }
    results_.push_back(std::move(result));
    return results_.back().passed;
  }

  std::string description() const {
    const TaskInfo& info = task_.info();
    const auto filled = [](const std::string& text, const char* name) { require(!text.empty(), "info().{} is empty; fill it", name); };
    filled(info.name, "name");
    filled(info.display_name, "display_name");
    filled(info.family, "family");
    filled(info.loss, "loss");
    filled(info.doc, "doc");
    require(info.head == "dense" || info.head == "quarter" || info.head == "vector",
            "info().head is '{}'; it must be dense, quarter or vector", info.head);
    require(info.source || info.target, "info() says neither source nor target; such a task is of no use");
    require(!info.fields.empty(), "info().fields is empty; list the fields that example() reads");
    for (const std::string& field : info.fields) {
      require(data::find_field_spec(field) != nullptr, "info().fields names '{}', which is no field; see 'affinis data show'", field);
    }
    std::set<std::string> names;
    for (const MetricInfo& metric : info.metrics) {
      require(names.insert(metric.name).second, "info().metrics has two metrics named '{}'; rename one", metric.name);
    }
    return info.doc;
  }

  const SampleGroup& group(std::int64_t position) const { return groups_[static_cast<std::size_t>(position) % groups_.size()]; }

  Example make_example(std::int64_t position) const {
    RandomStream stream(options_.seed, "check", {static_cast<std::uint64_t>(position)});
    return task_.example(group(position), stream);
  }

  /// [C, S, S], or [arity, C, S, S] for several images.
  void require_images(const at::Tensor& input, std::int64_t images) const {
    const std::int64_t dimensions = images > 1 ? 4 : 3;
    const bool fits = input.dim() == dimensions && (images == 1 || input.size(0) == images) &&
                      input.size(dimensions - 3) == task_.info().input_channels && input.size(-1) == input.size(-2) &&
                      input.size(-1) > 0 && input.size(-1) % kEncoderStride == 0;
    require(fits,
            "an input has the shape {}; it must be [{}{}, S, S] with S a multiple of {} (info().arity is {}, info().input_channels {})",
            shape_of(input), images > 1 ? fmt::format("{}, ", images) : "", task_.info().input_channels, kEncoderStride, task_.info().arity,
            task_.info().input_channels);
  }

  std::string example_shapes() {
    require(task_.info().arity > 0, "info().arity is {}; it must be the number of images that the encoder sees for one example",
            task_.info().arity);
    std::vector<Example> examples;
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      examples.push_back(make_example(i));
      indices.push_back(i);
      const Example& each = examples.back();
      require(each.input.defined() && each.target.defined(), "example() leaves {} undefined; fill it",
              each.input.defined() ? "the target" : "the input");
      require(each.input.scalar_type() == at::kFloat, "the input is {}; networks take float32", c10::str(each.input.scalar_type()));
      require_images(each.input, task_.info().arity);
      const at::ScalarType type = each.target.scalar_type();
      require(type == at::kFloat || type == at::kLong, "the target is {}; make it float32, or int64 for classes", c10::str(type));
      require(each.mask.defined() || task_.info().sample_count() == 1,
              "a task on {} samples needs a mask: a sample without partners becomes an example without a label; give one value, 1, when the "
              "label is always valid",
              task_.info().sample_count());
      if (!each.mask.defined()) continue;
      require(goes_with(each.mask, each.target),
              "the mask has the shape {} and the target {}; a mask has the target's shape, one channel in its place, or one value for the "
              "whole example",
              shape_of(each.mask), shape_of(each.target));
      require(at::logical_or(each.mask == 0, each.mask == 1).all().item<bool>(), "the mask holds other values than 0 and 1");
    }
    batch_ = collate(examples, indices);
    head_ = {options_.channels * task_.info().arity, batch_.input.size(-1) / kEncoderStride, options_.width};
    return fmt::format("input {}, target {}, mask {}", shape_of(examples[0].input), shape_of(examples[0].target),
                       shape_of(examples[0].mask));
  }

  std::string finite_examples() const {
    require(at::isfinite(batch_.input).all().item<bool>(), "an input holds NaN or infinity; mend example()");
    const at::Tensor finite = at::isfinite(batch_.target);
    require(finite.all().item<bool>(),
            "a target holds NaN or infinity (masked values must be finite too: zero times NaN is NaN); mend example()");
    return fmt::format("inputs from {:.3g} to {:.3g}, targets from {:.3g} to {:.3g}", batch_.input.min().item<double>(),
                       batch_.input.max().item<double>(), batch_.target.min().item<double>(), batch_.target.max().item<double>());
  }

  std::string determinism() const {
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      const Example first = make_example(i);
      const Example again = make_example(i);
      require(same(first.input, again.input) && same(first.target, again.target) && same(first.mask, again.mask),
              "the same sample and stream give another {} the second time; draw random numbers from the stream only and keep no state",
              !same(first.input, again.input) ? "input" : !same(first.target, again.target) ? "target" : "mask");
    }
    return "the same sample and stream give the same bytes";
  }

  std::string encoder_input() const {
    data::Sample bare = group(0).front();
    std::erase_if(bare.fields, [](const auto& field) { return field.first != "rgb"; });
    const at::Tensor input = task_.encoder_input(bare);
    require(input.defined() && input.scalar_type() == at::kFloat, "encoder_input() must give float32, as example() does");
    require_images(input, 1);
    require(at::isfinite(input).all().item<bool>(), "encoder_input() holds NaN or infinity");
    require(same(input, task_.encoder_input(bare)), "encoder_input() gives other values the second time; it must not be random");
    return fmt::format("{} from the image alone", shape_of(input));
  }

  /// A fixed output of a trunk: what a rectified representation looks like.
  at::Tensor representation() const {
    RandomStream stream(options_.seed, "representation");
    at::Tensor values = at::empty({options_.batch, head_.channels, head_.side, head_.side}, at::kFloat);
    auto* value = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(std::max(0.0, stream.normal()));
    return values;
  }

  std::unique_ptr<nn::Module> new_head() const {
    std::unique_ptr<nn::Module> head = task_.make_head(head_);
    require(head != nullptr, "make_head() returns null");
    nn::initialise(*head, options_.seed);
    head->set_training(true);
    return head;
  }

  std::string prediction_shape() {
    const std::unique_ptr<nn::Module> head = new_head();
    prediction_ = head->forward(representation()).detach();
    std::vector<std::int64_t> wanted = task_.prediction_shape();
    wanted.insert(wanted.begin(), options_.batch);
    require(prediction_.sizes() == at::IntArrayRef(wanted), "the head gives {} and prediction_shape() says {}; make them agree",
            shape_of(prediction_), c10::str(at::IntArrayRef(wanted)));
    return fmt::format("the head gives {} and has {} parameters", shape_of(prediction_), nn::parameter_count(*head));
  }

  std::string finite_predictions() const {
    require(at::isfinite(prediction_).all().item<bool>(), "a fresh head predicts NaN or infinity; look at make_head()");
    return fmt::format("a fresh head predicts from {:.3g} to {:.3g}", prediction_.min().item<double>(), prediction_.max().item<double>());
  }

  std::string per_image_loss() {
    const at::Tensor each = task_.per_image_loss(prediction_, batch_);
    require(each.dim() == 1 && each.size(0) == options_.batch && each.scalar_type() == at::kFloat,
            "per_image_loss() gives {} of {}; it must give one float32 an image, [{}]", shape_of(each), c10::str(each.scalar_type()),
            options_.batch);
    labelled_ = at::isnan(each).logical_not();
    require(!at::isinf(each).any().item<bool>(), "per_image_loss() is infinite for finite values");
    require(labelled_.any().item<bool>(), "no sample has a valid label for this task (every per-image loss is NaN); give samples that have");
    if (batch_.mask.defined()) {
      const at::Tensor valid = batch_.mask.flatten(batch_.mask.dim() > 1 ? 1 : 0);
      const at::Tensor has_labels = valid.dim() > 1 ? (valid != 0).any(1) : valid != 0;
      require(at::equal(has_labels, labelled_), "per_image_loss() must be NaN for exactly the images whose mask is all zero");
    } else {
      require(labelled_.all().item<bool>(), "per_image_loss() is NaN although there is no mask");
    }
    require(same(at::nan_to_num(each), at::nan_to_num(task_.per_image_loss(prediction_, batch_))),
            "per_image_loss() gives other values the second time; tournaments compare it, so it must be deterministic");
    per_image_ = each;
    return fmt::format("from {:.4g} to {:.4g} over {} images", each.masked_select(labelled_).min().item<double>(),
                       each.masked_select(labelled_).max().item<double>(), options_.batch);
  }

  std::string loss() const {
    const at::Tensor total = task_.loss(prediction_, batch_);
    require(total.dim() == 0, "loss() gives {}; it must be a scalar", shape_of(total));
    const double value = total.item<double>();
    const double mean = per_image_.masked_select(labelled_).mean().item<double>();
    require(std::abs(value - mean) <= 1e-5 * std::max(1.0, std::abs(mean)),
            "loss() is {:.6g} and the mean of per_image_loss() over images with labels {:.6g}; tournaments would compare something else than "
            "training minimises",
            value, mean);
    return fmt::format("{:.4g}, the mean of the per-image losses", value);
  }

  std::string images_apart() const {
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      const auto row = [&](const at::Tensor& tensor) { return tensor.defined() ? tensor.slice(0, i, i + 1) : tensor; };
      const at::Tensor alone = task_.per_image_loss(row(prediction_), {row(batch_.input), row(batch_.target), row(batch_.mask), {i}, {}});
      const double difference = maximum_difference(alone, per_image_.slice(0, i, i + 1));
      require(difference <= 1e-5 * std::max(1.0, std::abs(at::nan_to_num(alone).item<double>())),
              "image {}'s loss changes by {:.3g} when it is alone in its batch; per_image_loss() must not mix images", i, difference);
    }
    return "an image's loss does not depend on its batch";
  }

  /// The target with other values where the mask is zero.
  static at::Tensor scrambled(const Batch& batch) {
    const at::Tensor hidden = mask_like_target(batch) == 0;
    if (at::isFloatingType(batch.target.scalar_type())) return at::where(hidden, batch.target * -3 + 7, batch.target);
    return at::where(hidden, at::zeros_like(batch.target), batch.target);
  }

  /// The batch with about half of its mask taken out at random.
  Batch thinned() const {
    RandomStream stream(options_.seed, "mask");
    Batch result = batch_;
    result.mask = batch_.mask.clone().contiguous();
    at::Tensor keep = at::empty(result.mask.sizes(), at::kFloat);
    auto* value = keep.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < keep.numel(); ++i) value[i] = stream.uniform() < 0.5 ? 0.0F : 1.0F;
    result.mask = result.mask * keep.to(result.mask.scalar_type());
    return result;
  }

  std::string mask() const {
    if (!batch_.mask.defined()) return "the task has no mask: every label is valid";
    const Batch before = thinned();
    Batch after = before;
    after.target = scrambled(before);
    const at::Tensor first = task_.per_image_loss(prediction_, before);
    const at::Tensor second = task_.per_image_loss(prediction_, after);
    require(at::equal(at::isnan(first), at::isnan(second)) && maximum_difference(first, second) == 0,
            "changing targets where the mask is 0 changes the loss; multiply errors by the mask and divide by its sum");
    return "targets behind the mask do not change the loss";
  }

  std::string no_labels() const {
    if (!batch_.mask.defined()) return "the task has no mask: every label is valid";
    Batch empty = batch_;
    empty.mask = at::zeros_like(batch_.mask);
    require(at::isnan(task_.per_image_loss(prediction_, empty)).all().item<bool>(),
            "per_image_loss() must be NaN for images whose mask is all zero");
    const at::Tensor leaf = prediction_.clone().set_requires_grad(true);
    const at::Tensor total = task_.loss(leaf, empty);
    require(total.item<double>() == 0, "loss() must be 0 when no image has a label, not {:.4g}", total.item<double>());
    total.backward();
    require(leaf.grad().defined() && (leaf.grad() == 0).all().item<bool>(), "loss() must have a zero gradient when no image has a label");
    // One labelled image among unlabelled ones.
    Batch mixed = batch_;
    mixed.mask = batch_.mask.clone();
    mixed.mask.slice(0, 1).zero_();
    const at::Tensor other = prediction_.clone().set_requires_grad(true);
    task_.loss(other, mixed).backward();
    require(at::isfinite(other.grad()).all().item<bool>(),
            "loss() has a NaN gradient when some images have no label; leave them out before dividing");
    return "images without labels give NaN and no gradient";
  }

  std::string metrics() const {
    const std::vector<MetricInfo>& infos = task_.info().metrics;
    const std::unique_ptr<MetricAccumulator> accumulator = task_.make_metrics();
    require(accumulator != nullptr, "make_metrics() returns null");
    require(accumulator->result().size() == infos.size(), "there are {} metrics in info() and {} values in result()", infos.size(),
            accumulator->result().size());
    accumulator->add(prediction_, batch_);
    std::string values;
    const std::vector<double> result = accumulator->result();
    for (std::size_t i = 0; i < infos.size(); ++i) {
      require(!std::isnan(result[i]), "metric {} is NaN although there are labels", infos[i].name);
      values += fmt::format("{}{} {:.4g}", i == 0 ? "" : ", ", infos[i].name, result[i]);
    }
    return values;
  }

  std::string pictures() const {
    const data::Image input = task_.picture_of_input(batch_.input[0]);
    const data::Image target = task_.picture_of_target(batch_.target[0], batch_.mask.defined() ? batch_.mask[0] : at::Tensor());
    const data::Image prediction = task_.picture_of_prediction(prediction_[0]);
    for (const data::Image* each : {&input, &target, &prediction}) {
      require(each->width > 0 && each->height > 0 && each->pixels.size() == 3 * static_cast<std::size_t>(each->width) * each->height,
              "a picture is empty or has {} bytes for {} x {} pixels", each->pixels.size(), each->width, each->height);
    }
    require(target.width == prediction.width && target.height == prediction.height,
            "the target's picture is {} x {} pixels and the prediction's {} x {}; draw both the same way", target.width, target.height,
            prediction.width, prediction.height);
    return fmt::format("{} x {} pixels", target.width, target.height);
  }

  std::string finite_differences() const {
    const at::Tensor leaf = prediction_.clone().set_requires_grad(true);
    const at::Tensor total = task_.loss(leaf, batch_);
    require(total.requires_grad(), "loss() is not connected to the prediction; compute it with differentiable operations");
    total.backward();
    require(leaf.grad().defined(), "loss() has no gradient with respect to the prediction");
    const at::Tensor slope = leaf.grad().to(at::kDouble).contiguous();
    // Along the gradient's signs single precision sees the slope best; where the gradient says "no influence", any sign must agree.
    RandomStream stream(options_.seed, "direction");
    at::Tensor direction = at::empty(prediction_.sizes(), at::kDouble);
    auto* along = direction.mutable_data_ptr<double>();
    const double* value = slope.const_data_ptr<double>();
    for (std::int64_t i = 0; i < direction.numel(); ++i) {
      const double sign = value[i] > 0 ? 1 : value[i] < 0 ? -1 : stream.uniform() < 0.5 ? 1 : -1;
      along[i] = sign * stream.uniform(0.5, 1.5);
    }
    const double wanted = (slope * direction).sum().item<double>();
    const double step = 2e-3;
    const auto loss_at = [&](double distance) {
      const at::NoGradGuard guard;
      return task_.loss((prediction_ + direction * distance).to(at::kFloat), batch_).item<double>();
    };
    const double measured = (loss_at(step) - loss_at(-step)) / (2 * step);
    // Absolute errors have kinks, which a small share of the elements crosses.
    require(std::abs(measured - wanted) <= 0.03 * std::abs(wanted) + 2e-3,
            "along one direction the loss changes by {:.5g} a unit and its gradient says {:.5g}; a detach() or a wrong derivative is in loss()",
            measured, wanted);
    return fmt::format("slope {:.4g}, measured {:.4g}", wanted, measured);
  }

  std::string gradient() const {
    const std::unique_ptr<nn::Module> head = new_head();
    const at::Tensor input = representation().set_requires_grad(true);
    task_.loss(head->forward(input), batch_).backward();
    std::int64_t count = 0;
    for (const nn::NamedTensor& each : head->parameters()) {
      const at::Tensor& grad = each.tensor.grad();
      require(grad.defined() && (grad != 0).any().item<bool>(),
              "no gradient reaches the head's parameter '{}'; it is not used or something detaches it", each.name);
      require(at::isfinite(grad).all().item<bool>(), "the gradient of the head's parameter '{}' is not finite", each.name);
      ++count;
    }
    for (std::int64_t image = 0; image < task_.info().arity; ++image) {
      const at::Tensor slope = input.grad().defined() ? input.grad().narrow(1, image * options_.channels, options_.channels) : input.grad();
      require(slope.defined() && at::isfinite(slope).all().item<bool>() && (slope != 0).any().item<bool>(),
              "no finite gradient reaches the representation of image {} of {}; the encoder would learn nothing from it, look at make_head()",
              image + 1, task_.info().arity);
    }
    return fmt::format("reaches all {} parameters of the head and the representation{}", count,
                       task_.info().arity > 1 ? " of every image" : "");
  }

  std::string overfit() const {
    const std::unique_ptr<nn::Module> head = new_head();
    const at::Tensor input = representation();
    const std::vector<nn::NamedTensor> parameters = head->parameters();
    std::vector<at::Tensor> first_moment;
    std::vector<at::Tensor> second_moment;
    for (const nn::NamedTensor& each : parameters) {
      first_moment.push_back(at::zeros_like(each.tensor));
      second_moment.push_back(at::zeros_like(each.tensor));
    }
    double start = 0;
    double value = 0;
    std::int64_t step = 0;
    for (; step <= options_.steps; ++step) {
      const at::Tensor total = task_.loss(head->forward(input), batch_);
      value = total.item<double>();
      require(std::isfinite(value), "the loss is not finite after {} steps on one batch", step);
      if (step == 0) start = value;
      if (value <= options_.overfit_to * start || step == options_.steps) break;
      total.backward();
      const at::NoGradGuard guard;
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        at::Tensor parameter = parameters[i].tensor;
        const at::Tensor grad = parameter.grad();
        if (!grad.defined()) continue;
        first_moment[i].mul_(0.9).add_(grad, 0.1);
        second_moment[i].mul_(0.999).addcmul_(grad, grad, 0.001);
        const double correction = std::sqrt(1 - std::pow(0.999, static_cast<double>(step + 1))) / (1 - std::pow(0.9, static_cast<double>(step + 1)));
        parameter.addcdiv_(first_moment[i], second_moment[i].sqrt().add_(1e-8), -options_.learning_rate * correction);
        parameter.mutable_grad().reset();
      }
    }
    require(value <= options_.overfit_to * start,
            "after {} steps on one batch the loss is still {:.4g} of {:.4g}; is the prediction's range the target's, does the loss fall where it "
            "should?",
            step, value, start);
    return fmt::format("{} steps take the loss of one batch from {:.4g} to {:.4g}", step, start, value);
  }

  const Task& task_;
  const std::vector<SampleGroup>& groups_;
  const CheckOptions& options_;
  HeadInput head_;
  std::vector<CheckResult> results_;
  Batch batch_;
  at::Tensor prediction_;
  at::Tensor per_image_;
  at::Tensor labelled_;
};

}  // namespace

std::vector<CheckResult> check_task(const Task& task, const std::vector<SampleGroup>& groups, const CheckOptions& options) {
  const TaskInfo& info = task.info();
  AFFINIS_CHECK(!groups.empty(), ErrorCode::kUsage, "checking task '{}' needs at least one sample; name a data set that has some", info.name);
  for (const SampleGroup& group : groups) {
    AFFINIS_CHECK(static_cast<std::int64_t>(group.size()) == std::max<std::int64_t>(1, info.sample_count()), ErrorCode::kUsage,
                  "an example of task '{}' is made of {} samples, not of {}; give it groups of that size", info.name, info.sample_count(),
                  group.size());
  }
  return Checker(task, groups, options).run();
}

std::vector<SampleGroup> single_groups(const std::vector<data::Sample>& samples) {
  std::vector<SampleGroup> groups;
  for (const data::Sample& sample : samples) groups.push_back({sample});
  return groups;
}

}  // namespace affinis::task
