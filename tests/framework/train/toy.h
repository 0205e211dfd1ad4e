#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/train/batch_source.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train::toy {

/// These tensors are tiny: a second thread would only wait.
inline const bool kOneThread = (set_threads(1), true);

/// Two linear layers with a tanh between them, under torch::nn::Sequential's names ("0.weight", "2.bias"), and dropout after the tanh.
class Mlp : public nn::Module {
 public:
  Mlp(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs, double dropout = 0) : dropout_(dropout) {
    for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
             {"0.weight", {hidden, inputs}}, {"0.bias", {hidden}}, {"2.weight", {outputs, hidden}}, {"2.bias", {outputs}}}) {
      parameters_.push_back({name, at::zeros(shape).set_requires_grad(true)});
    }
    mean_ = at::zeros({hidden});
  }

  at::Tensor forward(const at::Tensor& input) override {
    ++passes;
    at::Tensor hidden = at::linear(input.flatten(1), parameters_[0].tensor, parameters_[1].tensor).tanh();
    if (training_) mean_.mul_(0.9).add_(hidden.detach().mean(0), 0.1);
    hidden = at::dropout(hidden, dropout_, training_);
    return at::linear(hidden, parameters_[2].tensor, parameters_[3].tensor);
  }
  std::vector<nn::NamedTensor> parameters() const override { return parameters_; }
  std::vector<nn::NamedTensor> buffers() const override { return {{"running_mean", mean_}}; }
  void set_training(bool training) override { training_ = training; }
  void to(const c10::Device& /*device*/) override {}

  int passes = 0;

 private:
  std::vector<nn::NamedTensor> parameters_;
  at::Tensor mean_;
  double dropout_;
  bool training_ = true;
};

class SumOfErrors : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    sum_ += (prediction - batch.target).abs().sum().item<double>();
    count_ += prediction.numel();
  }
  std::vector<double> result() const override { return {sum_ / static_cast<double>(count_)}; }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

/// Regression of a vector by mean squared error. From a store it predicts an image's mean colour, from the image divided by `divisor`
/// (so that tasks can have the same input or another).
class Regression : public task::Task {
 public:
  explicit Regression(std::string name, std::int64_t outputs = 3, float divisor = 255) : outputs_(outputs), divisor_(divisor) {
    info_.name = std::move(name);
    info_.fields = {"rgb"};
    info_.metrics = {{"mean_error", "", false, "mean absolute error"}};
  }

  const task::TaskInfo& info() const override { return info_; }
  task::Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    std::vector<at::Tensor> images;
    for (const data::Sample& sample : samples) {
      const data::FieldValue& rgb = sample.field("rgb");
      const at::Tensor bytes = at::from_blob(const_cast<std::byte*>(rgb.bytes.data()), rgb.shape, at::kByte);
      images.push_back(bytes.permute({2, 0, 1}).to(at::kFloat) / divisor_);
    }
    at::Tensor target = images.front().mean({1, 2});
    if (noise) target = target + stream.uniform();
    if (samples.size() == 1) return {images.front().contiguous(), target, {}};
    return {at::stack(images), target, at::ones_like(target)};
  }
  std::vector<std::int64_t> prediction_shape() const override { return {outputs_}; }
  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return std::make_unique<Mlp>(input.channels * input.side * input.side, 8, outputs_);
  }
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    at::Tensor loss = (prediction - batch.target).square().mean(1);
    // A mask of zeros: no label.
    if (batch.mask.defined()) loss = at::where(batch.mask.flatten(1).any(1), loss, at::full_like(loss, std::nan("")));
    return loss;
  }
  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return std::make_unique<SumOfErrors>(); }
  data::Image picture_of_target(const at::Tensor&, const at::Tensor&) const override { return {}; }
  data::Image picture_of_prediction(const at::Tensor&) const override { return {}; }

  bool noise = false;
  task::TaskInfo info_;

 private:
  std::int64_t outputs_;
  float divisor_;
};

/// Batches as a function of (epoch, batch) makes them.
class MadeSource : public BatchSource {
 public:
  using Make = std::function<std::vector<task::Batch>(std::int64_t epoch, std::int64_t batch)>;
  MadeSource(std::int64_t batches, Make make) : batches_(batches), make_(std::move(make)) {}
  std::int64_t batches_per_epoch() const override { return batches_; }
  void start(std::int64_t epoch, std::int64_t first_batch) override {
    epoch_ = epoch;
    next_ = first_batch;
  }
  std::optional<std::vector<task::Batch>> next() override {
    if (next_ == batches_) return std::nullopt;
    return make_(epoch_, next_++);
  }
  std::string sample_name(std::int64_t index) const override { return "house/room/" + std::to_string(index); }

 private:
  std::int64_t batches_;
  Make make_;
  std::int64_t epoch_ = 0;
  std::int64_t next_ = 0;
};

/// A regression that the toy network can learn: 20 rows of 6 inputs, 3 outputs.
inline TensorSet made_set(std::int64_t rows = 20) {
  TensorSet set;
  set.input = at::arange(rows * 6, at::kFloat).mul(0.7).sin().view({rows, 6});
  set.target = set.input.slice(1, 0, 3) * 0.5 + 0.2;
  return set;
}

inline std::unique_ptr<Network> made_network(double dropout = 0, std::uint64_t seed = 1) {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("toy"), std::make_unique<Mlp>(6, 8, 3, dropout)});
  auto network = std::make_unique<Network>(nullptr, std::move(heads));
  network->initialise(seed);
  return network;
}

inline std::string bytes_of(const std::vector<nn::NamedTensor>& tensors) {
  std::string bytes;
  for (const nn::NamedTensor& each : tensors) {
    const at::Tensor flat = each.tensor.detach().contiguous();
    bytes += each.name + std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
  }
  return bytes;
}

/// The sentence of the affinis::Error that `work` throws; empty when it throws none.
template <typename Work>
std::string sentence_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace affinis::train::toy
