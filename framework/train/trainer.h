#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "framework/core/log.h"
#include "framework/core/options.h"
#include "framework/train/adaptation.h"
#include "framework/train/balance_options.h"
#include "framework/train/batch_source.h"
#include "framework/train/data_parallel.h"
#include "framework/train/network.h"

namespace affinis::train {

/// Everything that decides how a training goes. One table for networks, transfers, fine-tuning and multi-task learning.
struct TrainerOptions {
  std::int64_t epochs = 30;
  std::int64_t steps = 0;  ///< when above 0 it takes the place of epochs
  std::int64_t batch_size = 32;
  std::int64_t accumulate = 1;  ///< micro-batches that a step's batch is taken in, one after another
  std::string optimizer = "adam";
  double learning_rate = 1e-4;
  double weight_decay = 2e-6;  ///< L2, added to the gradient (as the original's)
  double momentum = 0.9;       ///< sgd only
  std::string schedule = "constant";  ///< constant, step, cosine
  std::vector<double> decay_at = {};  ///< step: shares of the whole training at which the rate is multiplied by decay_factor
  double decay_factor = 0.1;
  double warmup = 0;          ///< share of the training during which the rate rises linearly from 0
  double clip_norm = 0;       ///< gradient norm is clipped to this; 0: never
  std::int64_t evaluate_every = 0;  ///< steps between validations; 0: at every epoch's end
  std::int64_t patience = 0;        ///< early stop after so many validations without a better one; 0: never
  double checkpoint_seconds = 30;   ///< wall time between checkpoints (does not affect results)
  std::int64_t seed = 1;
  std::string precision = "fp32";  ///< fp32, bf16: convolutions and matrix products in bfloat16, everything else and all weights in float32
  double adversarial_weight = 0;     ///< share of the adversarial term in the loss of tasks that predict an image; 0: no adversary
  double adversarial_after = 0.25;   ///< share of the training on reconstruction alone before the adversary begins
  double adversarial_noise = 0.1;    ///< deviation of the noise on what a discriminator sees, at step 0
  double discriminator_rate = 1e-5;  ///< step size of the discriminators (plain SGD, ten times weight_decay)
  /// Passes are replayed as CUDA graphs (graphed_forward.h), for small networks on a GPU; no option field: a study's [run] says it.
  bool cuda_graphs = false;
  AdaptationOptions adaptation = {};  ///< an options section of its own
  BalanceOptions balance = {};        ///< likewise

  static const std::vector<OptionField>& fields();
};

/// Every setting that affects results. Those that came after the first release are left out at their default, so that what is identified
/// by its settings stays itself.
nlohmann::json to_json(const TrainerOptions& options);
/// Throws Error(kData) as the options' from_json.
TrainerOptions trainer_options_from_json(const nlohmann::json& json);

/// The other settings, those that change how a training goes on and not where it ends, where they are not at their default.
nlohmann::json manner_to_json(const TrainerOptions& options);
/// Sets what manner_to_json wrote. Throws Error(kUsage) on anything else.
void take_manner(TrainerOptions& options, const nlohmann::json& manner);

/// Throws Error(kUsage) with one sentence when a value is out of bounds or two do not go together.
void validate(const TrainerOptions& options);

/// One point of a curve.
struct CurvePoint {
  std::int64_t step = 0;
  double train_loss = 0;       ///< mean since the last point; over several heads the mean of theirs
  double validation_loss = 0;  ///< likewise over images with labels; NaN without validation data
  double learning_rate = 0;
};

/// What was frozen in a stretch of a training, and that it did not move: hashes (XXH3-128) over parameters and buffers, BatchNorm's
/// statistics among them.
struct FreezeProof {
  std::string phase;            ///< in words
  std::int64_t first_step = 0;  ///< counted from 1
  std::int64_t last_step = 0;
  std::int64_t tensors = 0;
  std::string hash_before;
  std::string hash_after;
  bool equal = false;
};
nlohmann::json to_json(const FreezeProof& proof);
FreezeProof freeze_proof_from_json(const nlohmann::json& json);

struct TrainingResult {
  std::int64_t steps = 0;
  bool stopped_early = false;
  double seconds = 0;  ///< over all sittings
  std::vector<CurvePoint> curve;
  std::vector<FreezeProof> freeze_proof = {};  ///< one for each phase with something frozen
};

/// Where a training writes while it runs: checkpoint.safetensors, metrics.csv, metrics.jsonl, TensorBoard events.
struct TrainerOutputs {
  std::filesystem::path folder;  ///< empty: nothing is written, nothing can be resumed
  bool tensorboard = true;
  std::int64_t stop_after = 0;  ///< leave off after this step with a checkpoint to go on from, schedule and all; 0: at the end
};

/// The one training loop. Runs to the end, from the checkpoint in `outputs.folder` when there is one: bit for bit the same on the CPU as
/// without the interruption. Initialise the network before (the checkpoint overwrites it). Parameters that need no gradient stay as they
/// are. A head without any label in a batch adds nothing to that step.
///
/// With `patience` the network ends with the weights of its best validation (whether it stopped early or not), without with the last
/// ones. `progress(step, steps, loss)` is called after every step with the mean of the heads' losses and may throw Error(kCancelled): a
/// checkpoint is written then. Any other exception passes through as a crash would. A finished training's checkpoint holds the final
/// weights alone: training again in its folder returns at once with these.
///
/// With `accumulate` above 1 a step's gradients are the sum of those of so many micro-batches, of which one is in memory at a time: losses,
/// weights of balancers and gradients are those of the whole batch, but BatchNorm sees a micro-batch. Adversary, DELTA and BSS are refused then.
///
/// With `adversarial_weight` every head must predict an image of its input's size; losses told, validation and metrics stay those of the
/// reconstruction (see adversary.h).
///
/// A damaged checkpoint is set aside with a warning and training goes on from the one before it or from the beginning, with the same
/// result (see checkpoint.h).
///
/// With `ranks` every process calls this with the same network, settings and output folder (a folder that all see), each with a source of
/// its BatchShare; rank 0 validates and writes, all return the same result. An adversary is refused then.
///
/// With `adaptation` parts are frozen, slowed down or held to where they began (adaptation.h). What is frozen is hashed before and after:
/// a tensor that moved all the same is an Error(kInternal). The network learns in every part again afterwards.
///
/// Throws Error(kNumeric) naming step, task and samples when a loss or a gradient is NaN or infinite, before any weight is touched;
/// Error(kUsage) for settings that do not go together and for a checkpoint of another training; Error(kData) without any batch.
TrainingResult train(Network& network, BatchSource& training, BatchSource* validation, const TrainerOptions& options,
                     const TrainerOutputs& outputs, Logger& logger,
                     const std::function<void(std::int64_t step, std::int64_t steps, double loss)>& progress = {}, const Ranks& ranks = {});

/// Per-image losses and metrics of one head over one pass of the source, in evaluation mode and the source's order.
struct Evaluation {
  std::vector<std::int64_t> indices;
  std::vector<double> losses;   ///< per image; NaN where an image has no label
  std::vector<double> metrics;  ///< as TaskInfo::metrics
  double mean_loss = 0;         ///< over images with labels
};
/// The network's mode is restored afterwards. Throws Error(kData) when the source ends at once.
Evaluation evaluate(Network& network, BatchSource& source, std::size_t head = 0);

/// LibTorch's threads within an operation for this process; between operations there is always one (backward passes and jobs run one
/// after the other here). Part of a run's settings: results are bit for bit the same for the same number only.
void set_threads(int threads);

}  // namespace affinis::train
