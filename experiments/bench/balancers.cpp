// Seconds a training step takes under a loss balancer, for balancers.py: a small convolutional trunk with K heads whose weights, inputs and
// targets are sines of their positions, so that any other program can make the same network.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "framework/train/loss_balancer.h"
#include "framework/train/optimizer.h"
#include "framework/train/trainer.h"

namespace {

using namespace affinis;

at::Tensor sines(const std::vector<std::int64_t>& shape, double frequency, double phase, double scale) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(scale * std::sin(frequency * static_cast<double>(i) + phase));
  return tensor;
}

/// Convolutions with ReLU between them; strides of 2 but for the last.
class Convolutions : public nn::Module {
 public:
  /// `first` numbers the parameters, each of which has a phase of its own.
  Convolutions(const std::vector<std::int64_t>& channels, std::int64_t kernel, std::int64_t strided, int first) : kernel_(kernel), strided_(strided) {
    for (std::size_t i = 0; i + 1 < channels.size(); ++i) {
      const double scale = std::sqrt(6.0 / static_cast<double>(channels[i] * kernel * kernel));
      const double phase = first + 2.0 * static_cast<double>(i);
      const std::vector<std::int64_t> shape = {channels[i + 1], channels[i], kernel, kernel};
      parameters_.push_back({fmt::format("{}.weight", i), sines(shape, 0.7, phase, scale).set_requires_grad(true)});
      parameters_.push_back({fmt::format("{}.bias", i), sines({channels[i + 1]}, 0.7, phase + 1, 0.1).set_requires_grad(true)});
    }
  }
  at::Tensor forward(const at::Tensor& input) override {
    at::Tensor x = input;
    for (std::size_t i = 0; i < parameters_.size(); i += 2) {
      const std::int64_t stride = static_cast<std::int64_t>(i / 2) < strided_ ? 2 : 1;
      x = at::conv2d(x, parameters_[i].tensor, parameters_[i + 1].tensor, stride, kernel_ / 2);
      if (i + 2 < parameters_.size() || kernel_ > 1) x = x.relu();
    }
    return x;
  }
  std::vector<nn::NamedTensor> parameters() const override { return parameters_; }
  std::vector<nn::NamedTensor> buffers() const override { return {}; }
  void set_training(bool) override {}
  void to(const c10::Device&) override {}

 private:
  std::int64_t kernel_;
  std::int64_t strided_;
  std::vector<nn::NamedTensor> parameters_;
};

class SquaredError : public task::Task {
 public:
  explicit SquaredError(std::string name) { info_.name = std::move(name); }
  const task::TaskInfo& info() const override { return info_; }
  task::Example example(std::span<const data::Sample>, RandomStream&) const override { return {}; }
  std::vector<std::int64_t> prediction_shape() const override { return {2, 16, 16}; }
  std::unique_ptr<nn::Module> make_head(const task::HeadInput&) const override { return nullptr; }
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return (prediction - batch.target).square().mean({1, 2, 3});
  }
  at::Tensor loss(const at::Tensor& prediction, const task::Batch& batch) const override { return (prediction - batch.target).square().mean(); }
  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return nullptr; }
  data::Image picture_of_target(const at::Tensor&, const at::Tensor&) const override { return {}; }
  data::Image picture_of_prediction(const at::Tensor&) const override { return {}; }

 private:
  task::TaskInfo info_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Seconds of a training step under a loss balancer");
  std::string balancer = "fixed";
  std::string direction;
  std::int64_t tasks = 3;
  std::int64_t steps = 20;
  std::int64_t width = 32;
  int threads = 1;
  app.add_option("--balancer", balancer)->capture_default_str();
  app.add_option("--tasks", tasks)->capture_default_str();
  app.add_option("--steps", steps, "steps that are timed, after three that are not")->capture_default_str();
  app.add_option("--width", width, "channels of the first layer")->capture_default_str();
  app.add_option("--threads", threads)->capture_default_str();
  app.add_option("--direction", direction, "file for the trunk's gradient in the first step, float32");
  CLI11_PARSE(app, argc, argv);
  train::set_threads(threads);
#ifdef __GLIBC__
  // As the program does: memory that is given back to the system and fetched again costs page faults.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif

  std::vector<train::Head> heads;
  for (std::int64_t t = 0; t < tasks; ++t) {
    heads.push_back({std::make_shared<SquaredError>(fmt::format("task{}", t)),
                     std::make_unique<Convolutions>(std::vector<std::int64_t>{2 * width, 2}, 1, 0, 100 + 10 * static_cast<int>(t))});
  }
  train::Network network(std::make_unique<Convolutions>(std::vector<std::int64_t>{3, width, 2 * width, 2 * width}, 3, 2, 0), std::move(heads));
  task::Batch batch;
  batch.input = sines({16, 3, 64, 64}, 0.37, 0, 1);
  std::vector<task::Batch> batches;
  for (std::int64_t t = 0; t < tasks; ++t) {
    batch.target = sines({16, 2, 16, 16}, 0.011 * static_cast<double>(t + 1), static_cast<double>(t), static_cast<double>(1 + t % 3));
    batches.push_back(batch);
  }

  train::TrainerOptions options;
  options.optimizer = "sgd";
  options.momentum = 0;
  options.weight_decay = 0;
  options.balance.balancer = balancer;
  train::Optimizer optimizer(options, network.parameters());
  Logger logger;
  const train::DataParallel alone{train::Ranks{}};
  const std::unique_ptr<train::LossBalancer> weigher = train::make_balancer(options.balance, network, 1, logger);

  constexpr std::int64_t kWarmup = 3;
  std::vector<double> seconds;
  const std::vector<at::Tensor> inputs(static_cast<std::size_t>(tasks), batch.input);
  for (std::int64_t step = 0; step < steps + kWarmup; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<at::Tensor> representations;
    const std::vector<at::Tensor> predictions = network.forward_all(inputs, &representations);
    std::vector<at::Tensor> losses;
    std::vector<double> values;
    for (std::size_t t = 0; t < predictions.size(); ++t) {
      losses.push_back(network.heads()[t].task->loss(predictions[t], batches[t]));
      values.push_back(losses[t].item<double>());
    }
    optimizer.zero_gradients();
    train::WholeBatch whole(losses, values, representations, network, alone);
    weigher->backward({step, false, whole});
    if (step == 0 && !direction.empty()) {
      std::ofstream file(direction, std::ios::binary);
      for (const nn::NamedTensor& each : network.parameters()) {
        if (!each.name.starts_with("trunk.")) continue;
        const at::Tensor flat = each.tensor.grad().contiguous();
        file.write(static_cast<const char*>(flat.const_data_ptr()), static_cast<std::streamsize>(flat.nbytes()));
      }
    }
    optimizer.step(1e-6);
    if (step >= kWarmup) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  std::cout << nlohmann::json{{"balancer", balancer},
                              {"tasks", tasks},
                              {"seconds", seconds[seconds.size() / 2]},
                              {"fastest", seconds.front()},
                              {"weights", weigher->weights()}}
                   .dump()
            << "\n";
}
