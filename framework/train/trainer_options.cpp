#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/train/trainer.h"

namespace affinis::train {

const std::vector<OptionField>& TrainerOptions::fields() {
  using T = TrainerOptions;
  static const std::vector<OptionField> table = {
      option("epochs", &T::epochs, "passes over the training data", {.minimum = 1}),
      option("steps", &T::steps, "batches to train on in all; 0: as many as the epochs have", {.minimum = 0}),
      option("batch_size", &T::batch_size, "examples a step", {.minimum = 1}),
      option("accumulate", &T::accumulate,
             "micro-batches that the examples of a step are taken in, one after another, to save memory; batch_size must be divisible by it",
             {.minimum = 1}),
      option("optimizer", &T::optimizer, "how gradients become steps: Adam, or stochastic gradient descent with momentum",
             {.choices = {"adam", "sgd"}}),
      option("learning_rate", &T::learning_rate, "step size before schedule and warm-up", {.minimum = 0}),
      option("weight_decay", &T::weight_decay, "L2 penalty: this share of every parameter is added to its gradient", {.minimum = 0}),
      option("momentum", &T::momentum, "share of the last step that is kept (sgd only)", {.minimum = 0, .maximum = 1}),
      option("schedule", &T::schedule, "how the learning rate goes on: constant, falling at decay_at, or along half a cosine to 0",
             {.choices = {"constant", "step", "cosine"}}),
      option("decay_at", &T::decay_at, "shares of the training, ascending, at which schedule 'step' multiplies the rate by decay_factor",
             {.minimum = 0, .maximum = 1}),
      option("decay_factor", &T::decay_factor, "what schedule 'step' multiplies the learning rate by", {.minimum = 0, .maximum = 1}),
      option("warmup", &T::warmup, "share of the training during which the learning rate rises linearly from 0", {.minimum = 0, .maximum = 1}),
      option("clip_norm", &T::clip_norm, "greatest norm of all gradients together, longer ones are scaled down; 0: no limit",
             {.minimum = 0}),
      option("evaluate_every", &T::evaluate_every, "steps between validations; 0: at the end of every epoch", {.minimum = 0}),
      option("patience", &T::patience,
             "validations without a better loss after which training stops; the best weights are kept then; 0: never stop early",
             {.minimum = 0}),
      option("checkpoint_seconds", &T::checkpoint_seconds, "seconds between checkpoints; 0: after every step",
             {.minimum = 0, .affects_result = false}),
      option("seed", &T::seed, "seed of everything random in a training", {.minimum = 0}),
      option("precision", &T::precision,
             "fp32, or bf16: convolutions and matrix products in bfloat16, losses, norms and weights in float32 (for GPUs)",
             {.choices = {"fp32", "bf16"}}),
      option("adversarial_weight", &T::adversarial_weight,
             "share of the adversarial term in the loss of tasks that predict an image (original: 0.004); 0: none",
             {.minimum = 0, .maximum = 1}),
      option("adversarial_after", &T::adversarial_after,
             "share of the training on reconstruction alone before the adversarial term begins (original: the first 25000 steps)",
             {.minimum = 0, .maximum = 1}),
      option("adversarial_noise", &T::adversarial_noise,
             "deviation of the noise on what the discriminator sees, falling with the steps (original: 0.1, for depth 0.03)",
             {.minimum = 0}),
      option("discriminator_rate", &T::discriminator_rate, "step size of the discriminator", {.minimum = 0}),
  };
  return table;
}

nlohmann::json to_json(const TrainerOptions& options) {
  TrainerOptions copy = options;
  nlohmann::json json = affinis::to_json(option_section("training", "", copy), true);
  if (options.precision == TrainerOptions().precision) json.erase("precision");
  if (options.accumulate == TrainerOptions().accumulate) json.erase("accumulate");
  if (options.adaptation != AdaptationOptions()) {
    nlohmann::json& adaptation = json["adaptation"] = affinis::to_json(option_section("adaptation", "", copy.adaptation), true);
    if (options.adaptation.delta_attention == AdaptationOptions().delta_attention) adaptation.erase("delta_attention");
    if (options.adaptation.delta_examples == AdaptationOptions().delta_examples) adaptation.erase("delta_examples");
  }
  if (options.balance != BalanceOptions()) json["balance"] = affinis::to_json(option_section("balance", "", copy.balance), true);
  return json;
}

TrainerOptions trainer_options_from_json(const nlohmann::json& json) {
  TrainerOptions options;
  nlohmann::json own = json;
  if (const auto nested = json.find("adaptation"); nested != json.end()) {
    from_json(option_section("adaptation", "", options.adaptation), *nested);
    own.erase("adaptation");
  }
  if (const auto nested = json.find("balance"); nested != json.end()) {
    from_json(option_section("balance", "", options.balance), *nested);
    own.erase("balance");
  }
  from_json(option_section("training", "", options), own);
  return options;
}

nlohmann::json manner_to_json(const TrainerOptions& options) {
  TrainerOptions copy = options;
  TrainerOptions usual;
  const nlohmann::json chosen = affinis::to_json(option_section("training", "", copy));
  const nlohmann::json defaults = affinis::to_json(option_section("training", "", usual));
  nlohmann::json manner = nlohmann::json::object();
  for (const OptionField& field : TrainerOptions::fields()) {
    if (!field.affects_result && chosen.at(field.name) != defaults.at(field.name)) manner[field.name] = chosen.at(field.name);
  }
  if (options.cuda_graphs) manner["cuda_graphs"] = true;
  return manner;
}

void take_manner(TrainerOptions& options, const nlohmann::json& manner) {
  nlohmann::json fields = manner;
  if (const auto graphs = fields.find("cuda_graphs"); graphs != fields.end()) {
    options.cuda_graphs = graphs->get<bool>();
    fields.erase(graphs);
  }
  from_json(option_section("training", "", options), fields);
}

void validate(const TrainerOptions& options) {
  TrainerOptions copy = options;
  validate_options(option_section("training", "", copy));
  validate(options.adaptation);
  AFFINIS_CHECK(options.schedule != "step" || !options.decay_at.empty(), ErrorCode::kUsage,
                "schedule is 'step' but decay_at is empty; name the shares of the training at which the learning rate falls, as in [0.5]");
  AFFINIS_CHECK(options.schedule == "step" || options.decay_at.empty(), ErrorCode::kUsage,
                "decay_at is set but schedule is '{}'; set schedule to 'step' or leave decay_at out", options.schedule);
  double last = 0;
  for (const double share : options.decay_at) {
    AFFINIS_CHECK(share > last && share < 1, ErrorCode::kUsage,
                  "decay_at holds {} after {}; its shares must lie between 0 and 1 and ascend", share, last);
    last = share;
  }
  AFFINIS_CHECK(options.warmup < 1, ErrorCode::kUsage, "warmup is {}; it is a share of the training below 1", options.warmup);
  AFFINIS_CHECK(options.momentum < 1, ErrorCode::kUsage, "momentum is {}; it must be below 1, or steps grow without end",
                options.momentum);
  AFFINIS_CHECK(options.batch_size % options.accumulate == 0, ErrorCode::kUsage,
                "accumulate is {}, which does not divide a batch_size of {}; every micro-batch of a step has as many examples", options.accumulate,
                options.batch_size);
  AFFINIS_CHECK(options.accumulate == 1 || options.adversarial_weight == 0, ErrorCode::kUsage,
                "accumulate is {}, but discriminators learn from whole batches only; set it to 1 or adversarial_weight to 0", options.accumulate);
  AFFINIS_CHECK(options.accumulate == 1 || (options.adaptation.delta == 0 && options.adaptation.bss == 0), ErrorCode::kUsage,
                "accumulate is {}, but {} looks at whole batches only; set one of the two to its default", options.accumulate,
                options.adaptation.delta > 0 ? "delta" : "bss");
  const AdaptationOptions& adaptation = options.adaptation;
  AFFINIS_CHECK(adaptation.delta_attention == "uniform" || adaptation.probe > 0 || options.balance.heads_first > 0 || adaptation.freeze == "gradual" ||
                    adaptation.freeze == "all",
                ErrorCode::kUsage,
                "delta_attention is '{}', which needs a head that has learnt alone before; set probe to the share of the training that this takes "
                "(policy lp-ft: 0.5) or freeze to 'gradual'",
                adaptation.delta_attention);
  AFFINIS_CHECK(options.adversarial_weight == 0 || options.adversarial_after < 1, ErrorCode::kUsage,
                "adversarial_after is 1, so that the adversarial term never begins; lower it or set adversarial_weight to 0");
}

}  // namespace affinis::train
