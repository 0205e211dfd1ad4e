#include "framework/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/synchronised_norms.h"
#include "framework/train/accumulation.h"
#include "framework/train/adversary.h"
#include "framework/train/batch_tools.h"
#include "framework/train/checkpoint.h"
#include "framework/train/delta_attention.h"
#include "framework/train/device_copies.h"
#include "framework/train/forward_passes.h"
#include "framework/train/freezing.h"
#include "framework/train/graphed_forward.h"
#include "framework/train/low_precision.h"
#include "framework/train/metrics_files.h"
#include "framework/train/optimizer.h"
#include "framework/train/parameter_groups.h"
#include "framework/train/regularisers.h"
#include "framework/train/schedule.h"
#include "framework/train/task_balance.h"
#include "framework/train/validation.h"

namespace affinis::train {
namespace {

using Progress = std::function<void(std::int64_t step, std::int64_t steps, double loss)>;
using Clock = std::chrono::steady_clock;

constexpr const char* kParameterTable = "parameters.txt";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double unix_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Mean over the values that are numbers; NaN when none is.
double mean_of_numbers(const std::vector<double>& values) {
  double sum = 0;
  int count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / count : kNan;
}

std::vector<nn::NamedTensor> copy_of(const std::vector<nn::NamedTensor>& tensors) {
  std::vector<nn::NamedTensor> copies;
  for (const nn::NamedTensor& each : tensors) copies.push_back({each.name, each.tensor.detach().clone()});
  return copies;
}

/// One sitting of a training.
class Training {
 public:
  Training(Network& network, BatchSource& source, BatchSource* validation, const TrainerOptions& options, const TrainerOutputs& outputs,
           Logger& logger, const Ranks& ranks)
      : network_(network),
        source_(source),
        validation_(validation),
        options_(options),
        outputs_(outputs),
        logger_(logger),
        parallel_(ranks),
        device_(device_of(network)),
        copies_(source, device_),
        passes_(network, source, options, parallel_, device_),
        steps_(options.steps > 0 ? options.steps : options.epochs * source.batches_per_epoch()),
        groups_(parameter_groups(network, options)),
        freezing_(network, options, steps_),
        regularisers_(network, options),
        optimizer_(options, groups_),
        balance_(network, options, parallel_, validation != nullptr && validation->batches_per_epoch() > 0, logger) {
    per_epoch_ = source.batches_per_epoch();
    AFFINIS_CHECK(per_epoch_ > 0, ErrorCode::kData,
                  "the training data makes no batch of {} examples; use more samples or a smaller batch_size", options.batch_size);
    AFFINIS_CHECK(options.patience == 0 || (validation != nullptr && validation->batches_per_epoch() > 0), ErrorCode::kUsage,
                  "patience is {} but there is no validation data to stop by; set patience to 0 or hold samples out", options.patience);
    for (const Head& head : network.heads()) tasks_.push_back(head.task->info().name);
    state_.started = static_cast<std::int64_t>(unix_time());
    clear_losses();
    AFFINIS_CHECK(options.adversarial_weight == 0 || parallel_.alone(), ErrorCode::kUsage,
                  "adversarial_weight is {}, but several ranks train without an adversary only; set it to 0 or train with one process",
                  options.adversarial_weight);
    require_rows_for_ranks(ranks);
    if (options.adversarial_weight > 0) adversary_ = make_adversary();
    if (!outputs_.folder.empty()) begin_in_folder();
    parallel_.follow(network_);
    begin_adaptation();
    if (options.cuda_graphs && !state_.finished) use_graphs();
  }

  TrainingResult run(const Progress& progress) {
    if (!state_.finished) {
      MetricsFiles files(outputs_, tasks_, state_.started, state_.curve, adversary_ != nullptr);
      balance_.begin_files(outputs_.folder, state_.step);
      last_checkpoint_ = Clock::now();
      network_.set_training(true);
      tell_parameters();
      bool in_place = false;
      const std::int64_t last = outputs_.stop_after > 0 ? std::min(outputs_.stop_after, steps_) : steps_;
      while (state_.step < last && !state_.stopped_early) {
        if (regularisers_.waits_for_attention() && !freezing_.trunk_rests(state_.step)) {
          weigh_channels();
          in_place = false;
        }
        if (!in_place || state_.batch == 0) copies_.start(state_.epoch, state_.batch);
        in_place = true;
        freezing_.before_step(state_.step, parallel_.speaks() ? logger_ : silent_);
        step();
        if (at_a_point(state_.step)) record(files);
        if (progress) report(progress);
        if (!outputs_.folder.empty() && seconds_since(last_checkpoint_) >= options_.checkpoint_seconds) checkpoint();
      }
      if (state_.step < steps_ && !state_.stopped_early) {
        if (!outputs_.folder.empty()) checkpoint();
      } else {
        finish();
      }
    }
    TrainingResult result{state_.step, state_.stopped_early, state_.seconds, {}, freezing_.proofs()};
    for (const MetricsRecord& each : state_.curve) result.curve.push_back(each.point);
    return result;
  }

 private:
  nlohmann::json identity() const {
    nlohmann::json settings = to_json(options_);
    forget_unused_adversary(settings);
    return {{"settings", settings}, {"tasks", tasks_}, {"batches_per_epoch", per_epoch_}};
  }

  void require_rows_for_ranks(const Ranks& ranks) const {
    const std::int64_t all = ranks.collective == nullptr ? 1 : ranks.collective->size();
    AFFINIS_CHECK(options_.accumulate == 1 || options_.batch_size / options_.accumulate >= all, ErrorCode::kUsage,
                  "accumulate is {}, so that a micro-batch of a batch_size of {} has fewer examples than there are ranks ({}); lower it",
                  options_.accumulate, options_.batch_size, all);
  }

  std::unique_ptr<Adversary> make_adversary() {
    source_.start(0, 0);
    const std::optional<std::vector<task::Batch>> first = source_.next();
    AFFINIS_CHECK(first && first->size() == tasks_.size(), ErrorCode::kInternal, "the training data begins without a batch for each of {} heads",
                  tasks_.size());
    return std::make_unique<Adversary>(network_.heads(), *first, options_, steps_, device_);
  }

  /// The rank that speaks goes first, because it may set a damaged checkpoint aside, and writes nothing before all have read.
  void begin_in_folder() {
    if (parallel_.speaks()) {
      require_writable_folder(outputs_.folder);
      resume();
    }
    parallel_.wait_for_all();
    if (!parallel_.speaks()) {
      resume();
      outputs_.folder.clear();
    }
    std::vector<double> step = {static_cast<double>(state_.step)};
    parallel_.follow(step);
    AFFINIS_CHECK(step.front() == static_cast<double>(state_.step), ErrorCode::kUsage,
                  "rank 0 goes on from step {} and another rank from step {}; all ranks must see the same output folder", step.front(), state_.step);
    parallel_.wait_for_all();
  }

  void resume() {
    std::optional<Checkpoint> checkpoint = read_checkpoint(outputs_.folder, identity(), logger_);
    if (!checkpoint) return;
    try {
      network_.load_state(checkpoint->network);
      if (!checkpoint->state.finished) {
        optimizer_.load_state(checkpoint->optimizer);
        regularisers_.load_start(checkpoint->start);
        regularisers_.load_attention(checkpoint->delta_attention);
        if (adversary_) adversary_->load_state(checkpoint->adversary, checkpoint->adversary_optimizer);
        balance_.load_state(checkpoint->state.balance);
      }
    } catch (Error& error) {
      throw error.within("the checkpoint in " + outputs_.folder.string());
    }
    state_ = std::move(checkpoint->state);
    freezing_.load_state(state_.freezing, state_.step);
    best_ = std::move(checkpoint->best);
    seconds_before_ = state_.seconds;
    if (!state_.finished && parallel_.speaks()) logger_.info("training goes on from step {} of {}", state_.step, steps_);
  }

  void use_graphs() {
    const std::string reason = why_not_graphed(network_, device_, parallel_.alone(), options_);
    if (reason.empty()) {
      passes_.record_with(make_cuda_graph_recorder(device_));
    } else {
      logger_.info("this training goes without CUDA graphs: {}", reason);
    }
  }

  void step() {
    passes_.begin(state_.step);
    std::optional<std::vector<task::Batch>> made = copies_.next();
    AFFINIS_CHECK(made.has_value(), ErrorCode::kInternal, "the training data ended at batch {} of {} in epoch {}", state_.batch, per_epoch_,
                  state_.epoch);
    std::vector<task::Batch> batches = to_device(std::move(*made), device_, tasks_.size());
    try {
      learn(std::move(batches));
    } catch (const c10::Error& error) {
      const std::string what = error.what_without_backtrace();
      fail(ErrorCode::kInternal, "LibTorch failed at step {} of the tasks {}: {}", state_.step + 1, join(tasks_, ", "),
           what.substr(0, what.find('\n')));
    }
    ++state_.step;
    state_.epoch = state_.step / per_epoch_;
    state_.batch = state_.step % per_epoch_;
  }

  void learn(std::vector<task::Batch> batches) {
    const nn::SynchronisedNorms norms(parallel_.for_norms());
    std::vector<std::int64_t> samples = batches.front().indices;
    learning_rate_ = learning_rate_at(options_, state_.step, steps_);
    if (options_.accumulate > 1) {
      std::vector<BatchPart> parts = micro_batches(batches, options_.batch_size / options_.accumulate, parallel_);
      const std::vector<bool> learns = learning_heads(parts.front());
      for (BatchPart& part : parts) part.leave_out(learns);
      AccumulatedBatch batch(std::move(parts), passes_, network_, parallel_, state_.step);
      learn(batch, samples);
      return;
    }
    BatchPart part = whole_part(std::move(batches), parallel_, balance_.counts_labels());
    part.leave_out(learning_heads(part));
    {
      const LowPrecision low(device_, options_.precision == "bf16");
      regularisers_.before_forward(part.inputs);
    }
    Pass pass = passes_.run(part);
    if (adversary_) add(adversary_->step(state_.step, part.batches, pass.predictions, pass.losses));
    WholeBatch batch(pass.losses, pass.values, pass.representations, network_, parallel_, [&] { return passes_.losses_now({&part, 1}); });
    learn(batch, samples);
  }

  std::vector<bool> learning_heads(const BatchPart& part) const {
    std::vector<std::int64_t> labelled;
    for (const DataParallel::Labels& each : part.labels) labelled.push_back(each.everywhere);
    return balance_.heads_at(state_.step, labelled);
  }

  void learn(StepBatch& batch, const std::vector<std::int64_t>& samples) {
    optimizer_.zero_gradients();
    regularisers_.before_backward();
    const BalanceStep balance{state_.step, state_.batch + 1 == per_epoch_, batch};
    balance_.backward(balance, at_a_point(state_.step + 1), learning_rate_);
    parallel_.sum_gradients(network_);
    regularisers_.add_gradients();
    const double norm = optimizer_.gradient_norm();
    if (!std::isfinite(norm)) refuse_gradient(samples);
    // The small constant is PyTorch's: clipped runs compare.
    if (options_.clip_norm > 0 && norm > options_.clip_norm) optimizer_.scale_gradients(options_.clip_norm / (norm + 1e-6));
    optimizer_.step(learning_rate_);
    balance_.stepped(balance);
    const std::vector<double>& values = batch.values();
    for (std::size_t h = 0; h < values.size(); ++h) {
      if (std::isnan(values[h])) continue;
      state_.loss_sums[h] += values[h];
      ++state_.loss_counts[h];
    }
    const double mean = mean_of_numbers(values);
    if (!std::isnan(mean)) last_loss_ = mean;
  }

  void add(const AdversarialLosses& losses) {
    if (std::isnan(losses.adversarial)) return;
    state_.adversarial_sum += losses.adversarial;
    state_.discriminator_sum += losses.discriminator;
    ++state_.adversarial_count;
  }

  [[noreturn]] void refuse_gradient(const std::vector<std::int64_t>& samples) {
    const std::string name = optimizer_.first_bad_gradient();
    const std::string which = name.empty() ? "the gradients' norm" : "the gradient of '" + name + "'";
    fail(ErrorCode::kNumeric,
         "{} is NaN or infinite at step {} of the task{} {} ({}); look at these labels, lower learning_rate ({}) or set clip_norm", which,
         state_.step + 1, tasks_.size() == 1 ? "" : "s", join(tasks_, ", "), passes_.sample_names(samples), options_.learning_rate);
  }

  /// Whether the curve has a point after so many steps.
  bool at_a_point(std::int64_t step) const {
    const std::int64_t every = options_.evaluate_every > 0 ? options_.evaluate_every : per_epoch_;
    return step % every == 0 || step == steps_;
  }

  void record(MetricsFiles& files) {
    MetricsRecord record;
    for (std::size_t h = 0; h < tasks_.size(); ++h) {
      const std::int64_t count = state_.loss_counts[h];
      record.train_losses.push_back(count > 0 ? state_.loss_sums[h] / static_cast<double>(count) : kNan);
    }
    record.validation_losses.assign(tasks_.size(), kNan);
    if (validation_ != nullptr && parallel_.speaks()) record.validation_losses = mean_losses(network_, *validation_);
    parallel_.follow(record.validation_losses);
    record.point = {state_.step, mean_of_numbers(record.train_losses), mean_of_numbers(record.validation_losses), learning_rate_};
    if (state_.adversarial_count > 0) {
      record.adversarial_loss = state_.adversarial_sum / static_cast<double>(state_.adversarial_count);
      record.discriminator_loss = state_.discriminator_sum / static_cast<double>(state_.adversarial_count);
    }
    record.epoch = static_cast<double>(state_.step) / static_cast<double>(per_epoch_);
    record.seconds = seconds();
    record.wall_time = unix_time();
    clear_losses();
    if (options_.patience > 0) consider_stopping(record.point.validation_loss);
    state_.curve.push_back(record);
    files.append(record);
    if (parallel_.speaks()) log(record);
    if (balance_.record(record.point.step, record.train_losses, record.validation_losses)) state_.stopped_early = true;
  }

  void consider_stopping(double validation_loss) {
    if (!std::isnan(validation_loss) && (state_.best_step == 0 || validation_loss < state_.best_validation)) {
      state_.best_validation = validation_loss;
      state_.best_step = state_.step;
      state_.validations_without_better = 0;
      best_ = copy_of(network_.state());
    } else {
      state_.stopped_early = ++state_.validations_without_better >= options_.patience;
    }
  }

  void log(const MetricsRecord& record) {
    const CurvePoint& point = record.point;
    const std::string validation = std::isnan(point.validation_loss) ? "" : fmt::format(", validation loss {:.5g}", point.validation_loss);
    nlohmann::json fields = {{"step", point.step}, {"steps", steps_}, {"train_loss", point.train_loss}, {"learning_rate", point.learning_rate}};
    if (!std::isnan(point.validation_loss)) fields["validation_loss"] = point.validation_loss;
    if (!std::isnan(record.adversarial_loss)) {
      fields["adversarial_loss"] = record.adversarial_loss;
      fields["discriminator_loss"] = record.discriminator_loss;
    }
    logger_.event(LogLevel::kInfo, fmt::format("step {} of {}: loss {:.5g}{}", point.step, steps_, point.train_loss, validation), fields);
  }

  void report(const Progress& progress) {
    try {
      progress(state_.step, steps_, last_loss_);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled && !outputs_.folder.empty()) checkpoint();
      throw;
    }
  }

  void begin_adaptation() {
    const AdaptationOptions& adaptation = options_.adaptation;
    AFFINIS_CHECK(parallel_.alone() || (adaptation.delta == 0 && adaptation.bss == 0), ErrorCode::kUsage,
                  "delta or bss is set, but several ranks train without them only; set both to 0 or train with one process");
    AFFINIS_CHECK(!regularisers_.waits_for_attention() || state_.finished || state_.step > 0 || freezing_.trunk_rests(0), ErrorCode::kUsage,
                  "delta_attention is 'supervised', but the trunk learns from step 1 of {} on, so that no head has learnt before; raise probe, which is {}",
                  steps_, adaptation.probe);
    if (state_.step > 0 || state_.finished) return;
    if (adaptation.zero_head) zero_last_layers(network_);
    regularisers_.begin();
  }

  /// DELTA's attention, when the heads have learnt and the trunk has not: from the first examples of epoch 0, whatever the step, so that a
  /// training that goes on weighs as one that was never left off.
  void weigh_channels() {
    const Clock::time_point begin = Clock::now();
    std::vector<BatchPart> parts;
    std::int64_t examples = 0;
    source_.start(0, 0);
    while (examples < options_.adaptation.delta_examples) {
      std::optional<std::vector<task::Batch>> made = source_.next();
      if (!made) break;
      const std::vector<task::Batch> batches = to_device(std::move(*made), device_, tasks_.size());
      const std::int64_t left = std::min(options_.adaptation.delta_examples - examples, options_.batch_size);
      parts.push_back(std::move(micro_batches(batches, left, parallel_).front()));
      std::int64_t rows = 1;
      for (const task::Batch& each : parts.back().batches) rows = std::max(rows, each.input.defined() ? each.input.size(0) : each.size());
      examples += rows;
    }
    std::vector<at::Tensor> attention;
    std::int64_t channels = 0;
    for (const at::Tensor& rises : loss_rises(network_, parts, options_.precision == "bf16")) {
      attention.push_back(attention_of(rises));
      channels += rises.numel();
    }
    regularisers_.set_attention(attention);
    const double took = seconds_since(begin);
    logger_.event(LogLevel::kInfo,
                  fmt::format("DELTA's attention after step {}: {} channels weighed on {} examples in {:.1f} s; smallest and largest weight, 1 being the "
                              "mean: {}",
                              state_.step, channels, examples, took, attention_in_words(attention)),
                  {{"delta_attention", attention_in_json(attention)}, {"examples", examples}, {"seconds", took}});
  }

  /// What learns how fast, before it does: once a sitting, and beside the checkpoint.
  void tell_parameters() {
    if (options_.adaptation == AdaptationOptions() || !parallel_.speaks()) return;
    const std::string table = parameter_table(groups_, options_);
    logger_.event(LogLevel::kInfo, "parameters:\n" + table, {{"parameter_groups", group_table(groups_, options_)}});
    if (!outputs_.folder.empty()) write_file_atomically(outputs_.folder / kParameterTable, table);
  }

  void finish() {
    freezing_.finish(state_.step, parallel_.speaks() ? logger_ : silent_);
    if (parallel_.speaks()) balance_.tell_cost(seconds_since(begin_));
    if (!best_.empty()) network_.load_state(best_);
    if (state_.stopped_early && balance_.all_stopped()) {
      logger_.info("stopped early at step {} of {}: no head is left that learns", state_.step, steps_);
    } else if (state_.stopped_early) {
      logger_.info("stopped early at step {} of {}: no validation was better than that at step {}", state_.step, steps_, state_.best_step);
    }
    parallel_.follow(network_);
    optimizer_.zero_gradients();
    state_.finished = true;
    state_.seconds = seconds();
    best_.clear();
    if (!outputs_.folder.empty()) checkpoint();
  }

  void checkpoint() {
    state_.seconds = seconds();
    state_.freezing = freezing_.state();
    state_.balance = state_.finished ? nlohmann::json() : balance_.state();
    Checkpoint checkpoint{identity(), state_, network_.state(), {}, best_};
    if (!state_.finished) {
      checkpoint.optimizer = optimizer_.state();
      checkpoint.start = regularisers_.start();
      checkpoint.delta_attention = regularisers_.attention();
      if (adversary_) {
        checkpoint.adversary = adversary_->state();
        checkpoint.adversary_optimizer = adversary_->optimizer_state();
      }
    }
    write_checkpoint(outputs_.folder, checkpoint);
    last_checkpoint_ = Clock::now();
  }

  void clear_losses() {
    state_.loss_sums.assign(tasks_.size(), 0.0);
    state_.loss_counts.assign(tasks_.size(), 0);
    state_.adversarial_sum = 0;
    state_.discriminator_sum = 0;
    state_.adversarial_count = 0;
  }

  double seconds() const { return seconds_before_ + seconds_since(begin_); }

  Network& network_;
  BatchSource& source_;
  BatchSource* validation_;
  const TrainerOptions& options_;
  TrainerOutputs outputs_;  ///< without a folder on ranks that do not write
  Logger& logger_;
  Logger silent_;  ///< of ranks that do not speak
  DataParallel parallel_;
  c10::Device device_;
  DeviceCopies copies_;
  ForwardPasses passes_;
  std::int64_t steps_;  ///< of the whole training
  std::vector<ParameterGroup> groups_;
  Freezing freezing_;
  Regularisers regularisers_;
  Optimizer optimizer_;
  TaskBalance balance_;
  std::unique_ptr<Adversary> adversary_;  ///< null without adversarial_weight
  std::vector<std::string> tasks_;
  std::int64_t per_epoch_ = 0;
  TrainingState state_;
  std::vector<nn::NamedTensor> best_;
  double learning_rate_ = 0;
  double last_loss_ = kNan;
  double seconds_before_ = 0;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_checkpoint_ = begin_;
};

}  // namespace

TrainingResult train(Network& network, BatchSource& training, BatchSource* validation, const TrainerOptions& options,
                     const TrainerOutputs& outputs, Logger& logger, const Progress& progress, const Ranks& ranks) {
  validate(options);
  return Training(network, training, validation, options, outputs, logger, ranks).run(progress);
}

}  // namespace affinis::train
