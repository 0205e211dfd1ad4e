#include "framework/task/heads.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/task/losses.h"

namespace affinis::task {
namespace {

constexpr std::int64_t kEncoderStride = 16;
constexpr std::int64_t kPaperWidth = 64;

}  // namespace

std::unique_ptr<nn::Module> make_dense_head(const HeadInput& input, std::int64_t channels, std::int64_t image_side,
                                            nn::OutputActivation output) {
  AFFINIS_CHECK(input.side * kEncoderStride == image_side, ErrorCode::kUsage,
                "a decoder makes images of {} pixels from a representation of {}, but the task's images have {}; give network and data the "
                "same scale",
                input.side * kEncoderStride, input.side, image_side);
  return nn::make_dense_decoder({.input_channels = input.channels, .output_channels = channels, .width = input.width, .output = output});
}

std::unique_ptr<nn::Module> make_fully_connected_head(const HeadInput& input, std::int64_t outputs, std::int64_t layers,
                                                      std::int64_t hidden) {
  return nn::make_vector_head({.input_features = input.channels * input.side * input.side,
                               .outputs = outputs,
                               .layers = layers,
                               .hidden = std::max<std::int64_t>(1, hidden * input.width / kPaperWidth)});
}

DenseTask::DenseTask(TaskInfo info, MetricSet metrics, const TaskContext& context, std::int64_t channels, nn::OutputActivation output)
    : info_(std::move(info)), metrics_(std::move(metrics)), side_(context.image_side), channels_(channels), output_(output) {
  AFFINIS_CHECK(side_ > 0 && side_ % kEncoderStride == 0, ErrorCode::kUsage,
                "task '{}' needs images whose side is a multiple of {}, not {}; import the data at another size", info_.name,
                kEncoderStride, side_);
  info_.metrics = metrics_.infos;
}

std::unique_ptr<nn::Module> DenseTask::make_head(const HeadInput& input) const {
  return make_dense_head(input, channels_, side_, output_);
}

at::Tensor DenseTask::per_image_loss(const at::Tensor& prediction, const Batch& batch) const {
  return absolute_error(prediction, batch.target, batch.mask);
}

const data::FieldValue& DenseTask::image_field(std::span<const data::Sample> samples, std::string_view name) const {
  AFFINIS_CHECK(samples.size() == 1, ErrorCode::kInternal, "task '{}' makes an example from one sample, not from {}", info_.name,
                samples.size());
  const data::FieldValue& value = samples.front().field(name);
  AFFINIS_CHECK(value.shape.size() >= 2 && value.shape[0] == side_ && value.shape[1] == side_, ErrorCode::kData,
                "sample {}: field {} is not {} x {} pixels as task '{}' was made for", samples.front().key.name(), name, side_, side_,
                info_.name);
  return value;
}

const std::vector<std::string>& vocabulary_of(const TaskContext& context, const std::string& name, const std::string& task,
                                              std::size_t least) {
  const auto found = context.vocabularies.find(name);
  AFFINIS_CHECK(found != context.vocabularies.end(), ErrorCode::kData,
                "task '{}' needs the class names '{}', which the data set does not declare; leave the task out or import them", task, name);
  AFFINIS_CHECK(found->second.size() >= least, ErrorCode::kData,
                "task '{}' needs at least {} names in the data set's vocabulary '{}', which has {}", task, least, name,
                found->second.size());
  return found->second;
}

}  // namespace affinis::task
