#include "framework/task/plugin_task.h"

#include <exception>
#include <utility>

#include <c10/util/Exception.h>

#include "framework/core/error.h"

namespace affinis::task {
namespace {

/// Calls into a plug-in. What it throws is caught here: the type of an exception may be known to the library alone, and a worker's thread
/// that lets one through takes the process with it.
template <typename Function>
auto guarded(const std::string& where, const char* function, Function&& call) {
  try {
    return call();
  } catch (Error& error) {
    throw error.within(where);
  } catch (const c10::Error& error) {
    fail(ErrorCode::kData, "{}: {} throws: {}; mend the plug-in", where, function, error.what_without_backtrace());
  } catch (const std::exception& error) {
    fail(ErrorCode::kData, "{}: {} throws: {}; mend the plug-in", where, function, error.what());
  } catch (...) {
    fail(ErrorCode::kData, "{}: {} throws something that is no std::exception; mend the plug-in", where, function);
  }
}

class GuardedMetrics final : public MetricAccumulator {
 public:
  GuardedMetrics(std::unique_ptr<MetricAccumulator> inner, std::string where) : inner_(std::move(inner)), where_(std::move(where)) {}
  void add(const at::Tensor& prediction, const Batch& batch) override {
    guarded(where_, "a metric's add()", [&] { inner_->add(prediction, batch); });
  }
  std::vector<double> result() const override {
    return guarded(where_, "a metric's result()", [&] { return inner_->result(); });
  }

 private:
  std::unique_ptr<MetricAccumulator> inner_;
  std::string where_;
};

/// Hands every virtual function of Task on; plugin_test.cpp compares the lists.
class GuardedTask final : public Task {
 public:
  GuardedTask(std::shared_ptr<const Task> inner, std::string where) : inner_(std::move(inner)), where_(std::move(where)) {}

  const TaskInfo& info() const override { return inner_->info(); }
  Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    return guarded(where_, "example()", [&] { return inner_->example(samples, stream); });
  }
  at::Tensor encoder_input(const data::Sample& sample) const override {
    return guarded(where_, "encoder_input()", [&] { return inner_->encoder_input(sample); });
  }
  std::vector<std::int64_t> prediction_shape() const override {
    return guarded(where_, "prediction_shape()", [&] { return inner_->prediction_shape(); });
  }
  std::unique_ptr<nn::Module> make_head(const HeadInput& input) const override {
    return guarded(where_, "make_head()", [&] { return inner_->make_head(input); });
  }
  at::Tensor per_image_loss(const at::Tensor& prediction, const Batch& batch) const override {
    return guarded(where_, "per_image_loss()", [&] { return inner_->per_image_loss(prediction, batch); });
  }
  at::Tensor loss(const at::Tensor& prediction, const Batch& batch) const override {
    return guarded(where_, "loss()", [&] { return inner_->loss(prediction, batch); });
  }
  std::unique_ptr<MetricAccumulator> make_metrics() const override {
    std::unique_ptr<MetricAccumulator> inner = guarded(where_, "make_metrics()", [&] { return inner_->make_metrics(); });
    if (inner == nullptr) return nullptr;
    return std::make_unique<GuardedMetrics>(std::move(inner), where_);
  }
  data::Image picture_of_input(const at::Tensor& input) const override {
    return guarded(where_, "picture_of_input()", [&] { return inner_->picture_of_input(input); });
  }
  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return guarded(where_, "picture_of_target()", [&] { return inner_->picture_of_target(target, mask); });
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return guarded(where_, "picture_of_prediction()", [&] { return inner_->picture_of_prediction(prediction); });
  }

 private:
  std::shared_ptr<const Task> inner_;
  std::string where_;
};

}  // namespace

TaskType contain(TaskType type, const std::string& file) {
  const std::string where = fmt::format("task '{}' of the plug-in {}", type.info.name, file);
  type.make = [make = std::move(type.make), where](const TaskContext& context) -> std::shared_ptr<const Task> {
    std::shared_ptr<const Task> inner = guarded(where, "the function that makes it", [&] { return make(context); });
    AFFINIS_CHECK(inner != nullptr, ErrorCode::kData, "{}: the function that makes it gives nothing; mend the plug-in", where);
    return std::make_shared<const GuardedTask>(std::move(inner), where);
  };
  return type;
}

}  // namespace affinis::task
