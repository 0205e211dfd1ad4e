#include "experiments/study/study_options.h"

#include <algorithm>
#include <utility>

#include "experiments/study/epochs_by_images.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/train/policy.h"

namespace affinis::experiments {

namespace {

/// So that settings that contradict each other are refused before hours are spent, and not by each job.
void check_trainer(const std::string& section, const train::TrainerOptions& options) {
  try {
    train::validate(options);
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig, error.sentence()).within("[" + section + "]");
  }
}

void check_finetune(const StudyOptions& options) {
  const FinetuneOptions& finetune = options.finetune;
  if (finetune.policies.empty()) return;
  const bool all_scratch = std::all_of(finetune.policies.begin(), finetune.policies.end(), [](const std::string& policy) { return policy == kScratchPolicy; });
  AFFINIS_CHECK(all_scratch || !finetune.source.empty(), ErrorCode::kConfig,
                "finetune.policies names {}, but finetune.source is empty; name a task of the study or a weight file", join(finetune.policies, ", "));
  AFFINIS_CHECK(!finetune.images.empty() && !finetune.seeds.empty(), ErrorCode::kConfig,
                "finetune.{} is empty, so that nothing is fine-tuned; give one or more numbers", finetune.images.empty() ? "images" : "seeds");
  for (const std::string& policy : finetune.policies) {
    try {
      check_trainer("finetune_training", options.finetune_trainer(policy, "", finetune.seeds.front()));
    } catch (const Error& error) {
      throw Error(ErrorCode::kConfig, error.sentence()).within("finetune.policies");
    }
  }
}

void check_epochs(const StudyOptions& options) {
  if (options.search.epochs_by_images.empty()) return;
  static_cast<void>(epochs_for(options.search.epochs_by_images, 1));
  for (const auto& [section, trainer] : {std::pair("transfer", &options.transfer), std::pair("scratch", &options.scratch)}) {
    AFFINIS_CHECK(trainer->steps == 0, ErrorCode::kConfig,
                  "search.epochs_by_images says how long to train, but {}.steps is {}; set {}.steps = 0 or leave search.epochs_by_images empty", section,
                  trainer->steps, section);
  }
}

void resolve_path(std::string& path, const std::filesystem::path& base) {
  if (path.empty()) return;
  const std::filesystem::path beside = base / path;
  path = std::filesystem::absolute(!base.empty() && std::filesystem::exists(beside) ? beside : std::filesystem::path(path)).lexically_normal().string();
}

void resolve_paths(StudyOptions& options, const std::filesystem::path& base) {
  resolve_path(options.data.folder, base);
  for (std::string& plugin : options.tasks.plugins) resolve_path(plugin, base);
  if (is_weight_file(options.finetune.source)) resolve_path(options.finetune.source, base);
}

}  // namespace

bool is_weight_file(const std::string& source) {
  const std::string extension = std::filesystem::path(source).extension().string();
  return extension == ".safetensors" || extension == ".pt" || extension == ".pth" || extension == ".bin";
}

const std::vector<OptionField>& NameOptions::fields() {
  static const std::vector<OptionField> table = {
      option("name", &NameOptions::name, "what the experiment is called in its report", {.affects_result = false}),
      option("description", &NameOptions::description, "what question it answers; printed in its report", {.affects_result = false}),
  };
  return table;
}

const std::vector<OptionField>& ScaleOptions::fields() {
  static const std::vector<OptionField> table = {
      option("image_side", &ScaleOptions::image_side, "side of the images in pixels, a multiple of 16 (paper: 256)",
             {.minimum = 32, .maximum = 1024}),
      option("width", &ScaleOptions::width, "channels of the encoder's stem (paper: 64)", {.minimum = 4, .maximum = 256}),
  };
  return table;
}

const std::vector<OptionField>& TaskOptions::fields() {
  static const std::vector<OptionField> table = {
      option("names", &TaskOptions::names, "the task dictionary; empty: every task there is"),
      option("sources", &TaskOptions::sources, "tasks that others may learn from; empty: all of names that may"),
      option("targets", &TaskOptions::targets, "tasks to be learnt from others; empty: all of names that may"),
      option("joint_sources", &TaskOptions::joint_sources,
             "sources that are networks of several tasks, each the tasks joined by + (rgb2depth+rgb2sfnorm), trained as [mtl] and [balance] say and "
             "named joint:rgb2depth&rgb2sfnorm; each counts as one source"),
      option("paper_compatible", &TaskOptions::paper_compatible,
             "the original's known defects (tanh on semantic logits, no clipping) instead of the right thing"),
      option("soft_labels", &TaskOptions::soft_labels,
             "classes of objects and scenes as shares, as a teacher network would give them, instead of the one that is most so"),
      option("plugins", &TaskOptions::plugins, "shared libraries that bring further tasks", {.affects_result = false}),
      option("overrides", &TaskOptions::overrides,
             "training settings of single tasks, each section.task.key=value (network.class_places.weight_decay=1e-5)",
             {.affects_result = false}),
  };
  return table;
}

const std::vector<OptionField>& DataOptions::fields() {
  static const std::vector<OptionField> table = {
      option("folder", &DataOptions::folder, "an existing data set (train.h5, transfer.h5, test.h5), from the experiment file's folder when it is there, else from where the "
             "program was started; empty: rooms are rendered"),
      option("train_images", &DataOptions::train_images, "images that networks learn on; 0: all of the split", {.minimum = 0}),
      option("transfer_images", &DataOptions::transfer_images, "images that transfers and scratch learn on; 0: all of the split",
             {.minimum = 0}),
      option("test_images", &DataOptions::test_images, "images that tournaments compare on; 0: all of the split", {.minimum = 0}),
      option("validation_images", &DataOptions::validation_images, "images of the transfer split that learning curves are measured on",
             {.minimum = 0}),
      option("subset_seed", &DataOptions::subset_seed, "seed of the draw when not all images are used"),
      option("subset_of", &DataOptions::subset_of,
             "what is drawn when not all images are used; with scenes, tasks on several views find their partners in a small subset too",
             {.choices = {"views", "scenes"}}),
      option("pictures", &DataOptions::pictures, "test images whose predictions are kept as pictures", {.minimum = 0, .maximum = 64}),
  };
  return table;
}

const std::vector<OptionField>& FinetuneOptions::fields() {
  static const std::vector<OptionField> table = {
      option("source", &FinetuneOptions::source,
             "what fine-tuning begins from: a task of this study (its network) or a weight file (safetensors of a run or of torchvision's names, or a "
             "PyTorch state_dict: a path that ends in .safetensors, .pt, .pth or .bin)"),
      option("tasks", &FinetuneOptions::tasks, "tasks that are learnt from it; empty: all targets"),
      option("policies", &FinetuneOptions::policies,
             "what is frozen, each with every number of images: none, all (linear probe), stages:K, blocks:K, gradual, lp-ft, or scratch (drawn weights, "
             "trained as [scratch] says); empty: nothing is fine-tuned"),
      option("images", &FinetuneOptions::images, "numbers of images of the transfer split, drawn anew for every seed; 0: all",
             {.minimum = 0}),
      option("seeds", &FinetuneOptions::seeds, "each training is done once for every seed; two or more give intervals",
             {.minimum = 0}),
      option("keep_weights", &FinetuneOptions::keep_weights, "keep the weights of fine-tuned networks"),
  };
  return table;
}

const std::vector<OptionField>& SearchOptions::fields() {
  static const std::vector<OptionField> table = {
      option("max_order", &SearchOptions::max_order, "most sources that a transfer has; 0: train networks and their baselines alone", {.minimum = 0, .maximum = 8}),
      option("top", &SearchOptions::top,
             "for order 2, 3, 4, ...: all sets of that many among a target's best so many first-order sources (the last one stands for "
             "higher orders)",
             {.minimum = 2, .maximum = 26}),
      option("seeds", &SearchOptions::seeds,
             "how often each transfer and each baseline on the same images (scratch, shallow) is trained, with the seeds of [transfer] and [scratch] and "
             "those that follow; with two or more, intervals are over seeds",
             {.minimum = 1, .maximum = 100}),
      option("adaptive", &SearchOptions::adaptive,
             "train only those transfers that might matter: that could be the best of a target, or have a place in an optimal taxonomy, by what forecasts "
             "and the transfers trained so far say; for less than half of the steps; the report says which were dropped"),
      option("forecast", &SearchOptions::forecast,
             "adaptive: linear readouts of the encoded images say which first-order transfers are begun with and what the others may be worth; off, or for "
             "targets of which they say nothing, rungs do"),
      option("plausible", &SearchOptions::plausible,
             "adaptive: dropped transfers are trained after all when one matters in this share of the worlds that are drawn from what is known (times its "
             "cost over the average one's), with those that matter three fifths as much; lower: more is trained, less can be missed",
             {.minimum = 0.001, .maximum = 1}),
      option("rungs", &SearchOptions::rungs,
             "adaptive, for targets without a forecast and for higher orders: shares of a transfer's steps after which the worse half is dropped, ascending",
             {.minimum = 0, .maximum = 1}),
      option("scratch", &SearchOptions::scratch, "train the honest baseline: a full network on the transfer images alone"),
      option("shallow", &SearchOptions::shallow, "train the paper's baseline: a shallow network on the transfer images"),
      option("constant", &SearchOptions::constant, "fit the best constant guess, which says whether a network has learnt"),
      option("random_encoder", &SearchOptions::random_encoder,
             "train each task's head on an encoder that stays as it was drawn, which says whether the encoder has learnt"),
      option("epochs_by_images", &SearchOptions::epochs_by_images,
             "epochs of transfers, scratch and shallow by the number of transfer images, each images:epochs (up to so many images; more:15 beyond the "
             "largest), or paper for Taskonomy's 100:1000, 500:400, 1000:200, 2000:100, 8000:50, 16000:30, more:15; empty: what [transfer] and [scratch] say"),
      option("chains", &SearchOptions::chains,
             "transfers of transfers, compared with the direct ones but in no taxonomy: first>through>target (edge2d>rgb2depth>reshade), all (every three "
             "tasks), or best (for each target through its three best sources, from the three best sources of each); empty: none"),
      option("clip_sigma", &SearchOptions::clip_sigma,
             "while a transfer trains, representations are clipped to the batch's mean and so many deviations; 0: never", {.minimum = 0}),
      option("half_precision", &SearchOptions::half_precision, "keep representations in half precision (4 KiB an image at paper scale)"),
      option("keep_weights", &SearchOptions::keep_weights, "keep the weights of transfers and baselines too"),
  };
  return table;
}

const std::vector<OptionField>& MultiTaskOptions::fields() {
  using T = MultiTaskOptions;
  static const std::vector<OptionField> table = [] {
    std::vector<OptionField> fields = {
        option("groups", &T::groups,
               "which tasks share a network: all, pairs, subsets (of two and more), singles (task-specific networks alone), or tasks joined by + "
               "(rgb2depth+rgb2sfnorm); empty: no joint training"),
        option("tasks", &T::tasks, "the tasks that all, pairs and subsets are of; empty: all of the study's whose encoder learns"),
        option("balancers", &T::balancers, "balancers that each group is trained with; empty: that of [balance]"),
        option("seeds", &T::seeds, "seeds that each joint network, and each task's own to compare with, is trained with; empty: network.seed"),
        option("missing_labels", &T::missing_labels,
               "shares of the labels that are taken away at random while training, for each task by itself; each share is tried",
               {.minimum = 0, .maximum = 0.99}),
        option("missing_seed", &T::missing_seed, "seed of the draw of the labels that are taken away", {.minimum = 0}),
        option("baselines", &T::baselines, "train each task's own network of the same width with every seed, to compare with"),
        option("narrow_width", &T::narrow_width,
               "width of further task-specific networks, cheaper candidates when tasks are grouped (cost: the square of the widths' ratio); 0: none",
               {.minimum = 0, .maximum = 256}),
        option("early", &T::early, "share of a training after which the early validation losses of networks.csv are taken",
               {.minimum = 0, .maximum = 1}),
    };
    for (const OptionField& field : train::TrainerOptions::fields()) {
      if (field.name == "seed") continue;
      OptionField own = field;
      own.get = [get = field.get](const void* options) { return get(&static_cast<const T*>(options)->trainer); };
      own.set = [set = field.set](void* options, const OptionValue& value) { set(&static_cast<T*>(options)->trainer, value); };
      fields.push_back(std::move(own));
    }
    return fields;
  }();
  return table;
}

const std::vector<OptionField>& TaxonomyOptions::fields() {
  static const std::vector<OptionField> table = {
      option("budgets", &TaxonomyOptions::budgets, "supervision budgets to solve for; empty: 1 to the number of sources", {.minimum = 0}),
      option("max_orders", &TaxonomyOptions::max_orders, "orders to solve for; empty: 1 to search.max_order", {.minimum = 1}),
      option("objective", &TaxonomyOptions::objective, "what a taxonomy maximises", {.choices = {"affinity", "gain", "quality"}}),
      option("gain_against", &TaxonomyOptions::gain_against, "baseline that gain is the win rate against",
             {.choices = {"scratch", "shallow"}}),
      option("draws", &TaxonomyOptions::draws,
             "how often the test set is drawn anew for intervals (its buildings, where it has at least 5, else its images); 0: no intervals",
             {.minimum = 0, .maximum = 100000}),
  };
  return table;
}

StudyOptions::StudyOptions() {
  network.schedule = "cosine";
  scratch.epochs = 200;
  scratch.schedule = "cosine";
  constant.steps = 400;
  constant.learning_rate = 0.02;
  constant.schedule = "cosine";
  constant.weight_decay = 0;
  transfer.epochs = 200;
  transfer.weight_decay = 1e-5;
  transfer.schedule = "cosine";
  mtl.trainer.schedule = "cosine";
  finetune_training.epochs = 200;
  finetune_training.schedule = "cosine";
  finetune_adaptation.backbone_rate = 0.1;
}

std::vector<OptionSection> StudyOptions::sections() {
  return {option_section("", "The experiment", name),
          option_section("scale", "Image size and network width", scale),
          option_section("tasks", "Which tasks take part", tasks),
          option_section("data", "Images", data),
          option_section("rooms", "Rendered rooms, when data.folder is empty", rooms),
          option_section("network", "Training of task-specific networks, on the train split", network),
          option_section("scratch", "Training of the baselines scratch and shallow, on the transfer split", scratch),
          option_section("constant", "Fitting of the best constant guess", constant),
          option_section("transfer", "Training of transfers, on the transfer split", transfer),
          option_section("finetune", "Fine-tuning of one network for other tasks", finetune),
          option_section("finetune_training", "Training of fine-tuned networks, on the transfer split", finetune_training),
          option_section("finetune_adaptation",
                         "What of a fine-tuned network is slowed down and held back (freeze, freeze_count and probe come from finetune.policies)",
                         finetune_adaptation),
          option_section("search", "Which transfers are tried", search),
          option_section("mtl", "Joint trainings of several tasks, on the train split, and what they are compared with", mtl),
          option_section("balance", "How the heads of a joint training share the encoder", balance),
          option_section("taxonomy", "Taxonomies solved at the end", taxonomy),
          option_section("run", "Where and how jobs run", run),
          option_section("slurm", "How array tasks are asked for (run --on slurm)", slurm)};
}

void StudyOptions::finish() {
  AFFINIS_CHECK(scale.image_side % 16 == 0, ErrorCode::kConfig,
                "scale.image_side is {}, but must be a multiple of 16 (the encoder's stride)", scale.image_side);
  AFFINIS_CHECK(rooms.image_side == scale.image_side || rooms.image_side == RenderDataSetOptions{}.image_side, ErrorCode::kConfig,
                "rooms.image_side is {} and scale.image_side {}; leave rooms.image_side out, rooms are rendered at the scale's side",
                rooms.image_side, scale.image_side);
  rooms.image_side = scale.image_side;
  // Workers, and the same run taken up from another folder, find them too.
  resolve_paths(*this, {});
  AFFINIS_CHECK(search.max_order <= 1 || !search.top.empty(), ErrorCode::kConfig,
                "search.top is empty, but search.max_order is {}; say how many of the best sources higher orders are made of",
                search.max_order);
  AFFINIS_CHECK(search.seeds == 1 || !search.adaptive, ErrorCode::kConfig,
                "search.seeds is {}, but search.adaptive drops transfers by one training each; set search.seeds = 1 or search.adaptive = false",
                search.seeds);
  AFFINIS_CHECK(search.chains.empty() || !search.adaptive, ErrorCode::kConfig,
                "search.chains needs every first-order transfer that it is made of, but search.adaptive drops many before their end; empty search.chains or set "
                "search.adaptive = false");
  AFFINIS_CHECK(search.chains.empty() || search.max_order > 0, ErrorCode::kConfig,
                "search.chains names chains of transfers, but search.max_order is 0, so that none is trained; set search.max_order = 1 or more");
  const bool baseline_trained = taxonomy.gain_against == "scratch" ? search.scratch : search.shallow;
  AFFINIS_CHECK(baseline_trained, ErrorCode::kConfig,
                "taxonomy.gain_against is '{}', but search.{} is false; switch it on or measure gain against the other baseline",
                taxonomy.gain_against, taxonomy.gain_against);
  check_epochs(*this);
  const bool on_gpu = std::any_of(run.devices.begin(), run.devices.end(), [](const std::string& slot) { return slot.starts_with("cuda"); });
  AFFINIS_CHECK(!run.cuda_graphs || on_gpu, ErrorCode::kConfig,
                "run.cuda_graphs is true, but run.devices names no GPU ({}); name cuda:0 there, or leave cuda_graphs out", join(run.devices, ", "));
  for (const char* section : {"network", "scratch", "constant", "transfer"}) check_trainer(section, trainer(section, ""));
  check_trainer("mtl", mtl.trainer);
  for (const std::string& balancer : mtl.balancers) {
    train::BalanceOptions known;
    set_option(option_section("balance", "", known), "balancer", balancer, "mtl.balancers");
  }
  AFFINIS_CHECK(mtl.narrow_width == 0 || (mtl.narrow_width >= 4 && mtl.narrow_width < scale.width), ErrorCode::kConfig,
                "mtl.narrow_width is {}, but must lie between 4 and below scale.width, which is {}; 0 trains no narrow networks", mtl.narrow_width,
                scale.width);
  check_finetune(*this);
  for (const std::string& override : tasks.overrides) {
    const std::vector<std::string> parts = split(override.substr(0, override.find('=')), '.');
    AFFINIS_CHECK(parts.size() == 3 && override.find('=') != std::string::npos, ErrorCode::kConfig,
                  "tasks.overrides has '{}'; write section.task.key=value, for example network.class_places.weight_decay=1e-5",
                  override);
    check_trainer(parts[0] + "." + parts[1], trainer(parts[0], parts[1]));
  }
}

train::TrainerOptions StudyOptions::trainer(std::string_view section, const std::string& task) const {
  const std::vector<std::pair<std::string_view, const train::TrainerOptions*>> trainers = {
      {"network", &network}, {"scratch", &scratch}, {"constant", &constant}, {"transfer", &transfer}, {"finetune_training", &finetune_training}};
  for (const auto& [known, options] : trainers) {
    if (known != section) continue;
    train::TrainerOptions result = *options;
    const std::string prefix = std::string(section) + "." + task + ".";
    for (const std::string& override : tasks.overrides) {
      if (!override.starts_with(prefix)) continue;
      const std::size_t equals = override.find('=');
      set_option(option_section(std::string(section), "", result), trim(override.substr(prefix.size(), equals - prefix.size())),
                 trim(override.substr(equals + 1)), "tasks.overrides");
    }
    return result;
  }
  fail(ErrorCode::kConfig, "there is no training section '{}' for a task's override; they are network, scratch, constant, transfer and finetune_training",
       section);
}

train::TrainerOptions StudyOptions::finetune_trainer(const std::string& policy, const std::string& task, std::int64_t seed) const {
  train::TrainerOptions result = trainer(policy == kScratchPolicy ? "scratch" : "finetune_training", task);
  result.seed = seed;
  if (policy == kScratchPolicy) return result;
  result.adaptation = finetune_adaptation;
  train::apply_policy(result.adaptation, policy);
  return result;
}

StudyOptions read_study(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_study(read_file(path), path.string(), overrides, path.parent_path());
}

StudyOptions parse_study(std::string_view text, const std::string& name, const std::vector<std::string>& overrides,
                         const std::filesystem::path& base) {
  StudyOptions options;
  parse_toml(text, name, options.sections());
  resolve_paths(options, base);
  for (const std::string& override : overrides) apply_override(options.sections(), override);
  options.finish();
  return options;
}

std::string study_options_markdown() {
  StudyOptions options;
  return "# Settings of an experiment file\n\n"
         "Written by `affinis options > experiments/OPTIONS.md`; a test fails when it is stale. Each section is a table of the TOML file; "
         "`--set section.key=value` sets one from the command line.\n\n" +
         options_markdown(options.sections());
}

}  // namespace affinis::experiments
