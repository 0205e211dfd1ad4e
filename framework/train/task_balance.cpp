#include "framework/train/task_balance.h"

#include <chrono>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const Head& head : network.heads()) names.push_back(head.task->info().name);
  return names;
}

}  // namespace

TaskBalance::TaskBalance(Network& network, const TrainerOptions& options, const DataParallel& parallel, bool has_validation, Logger& logger)
    : network_(network),
      options_(options.balance),
      logger_(logger),
      tasks_(names_of(network)),
      counts_labels_(options.balance.head_schedule == "proportional"),
      schedule_(options.balance, tasks_, static_cast<std::uint64_t>(options.seed)),
      balancer_(make_balancer(options.balance, network, static_cast<std::uint64_t>(options.seed), logger)) {
  if (tasks_.size() > 1) validate(options_, tasks_);
  AFFINIS_CHECK(options_.head_patience == 0 || has_validation, ErrorCode::kUsage,
                "head_patience is {} but there is no validation data to stop heads by; set it to 0 or hold samples out", options_.head_patience);
  if (options_.tag && tasks_.size() > 1) affinity_.emplace(tasks_.size());
  const std::string forecast = gradient_forecast(options_, network, options.accumulate);
  if (!forecast.empty() && parallel.speaks()) logger.info("{}", forecast);
}

void TaskBalance::backward(const BalanceStep& step, bool at_a_point, double learning_rate) {
  const bool conflicts = options_.conflicts && at_a_point && tasks_.size() > 1;
  const bool affinities = affinity_ && step.step % options_.tag_every == 0;
  if (conflicts || affinities) {
    const auto begin = std::chrono::steady_clock::now();
    const std::unique_ptr<StepGradients> gradients = step.batch.gradients(true);
    conflicts_.reset();
    if (gradients->trunk_learns()) {
      if (conflicts) conflicts_ = Conflicts{gradients->heads(), gradients->gramian(options_.gradient_memory << 20)};
      if (affinities) affinity_->measure(network_, *gradients, step.batch.values(), learning_rate, [&] { return step.batch.losses_now(); });
    }
    measuring_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ++measured_;
  }
  balancer_->backward(step);
}

void TaskBalance::stepped(const BalanceStep& step) {
  if (balancer_->looks_back()) balancer_->look_back(step, step.batch.losses_now());
  schedule_.learned(step.batch.values(), step.ends_epoch);
}

void TaskBalance::begin_files(const std::filesystem::path& folder, std::int64_t step) {
  if (tasks_.size() > 1) files_.emplace(folder, tasks_, step, options_.conflicts);
}

void TaskBalance::tell_cost(double training_seconds) const {
  if (measured_ == 0 || !(training_seconds > 0)) return;
  logger_.info("{} took {:.1f} s of {:.1f} s ({:.0f} %): {} steps with a pass back through the trunk for each of {} heads{}",
               affinity_ && options_.conflicts ? "conflicts and affinities" : affinity_ ? "affinities" : "conflicts", measuring_seconds_,
               training_seconds, 100 * measuring_seconds_ / training_seconds, measured_, tasks_.size(),
               options_.conflicts ? "; balance.conflicts=false leaves conflicts out" : "");
}

bool TaskBalance::record(std::int64_t step, std::span<const double> train_losses, std::span<const double> validation_losses) {
  if (files_) {
    files_->append(step, balancer_->weights(), train_losses, conflicts_);
    if (affinity_) files_->write(*affinity_);
  }
  conflicts_.reset();
  for (const std::size_t head : schedule_.validated(validation_losses)) {
    logger_.info("the head '{}' stops to learn at step {}: {} validations without a better loss", tasks_[head], step, options_.head_patience);
  }
  return schedule_.all_stopped();
}

nlohmann::json TaskBalance::state() const {
  nlohmann::json json;
  if (const nlohmann::json state = balancer_->state(); !state.is_null()) json["balancer"] = state;
  if (const nlohmann::json state = schedule_.state(); !state.is_null()) json["schedule"] = state;
  if (affinity_) json["affinity"] = affinity_->state();
  return json;
}

void TaskBalance::load_state(const nlohmann::json& state) {
  if (state.is_null()) return;
  if (state.contains("balancer")) balancer_->load_state(state.at("balancer"));
  if (state.contains("schedule")) schedule_.load_state(state.at("schedule"));
  if (affinity_ && state.contains("affinity")) affinity_->load_state(state.at("affinity"));
}

}  // namespace affinis::train
