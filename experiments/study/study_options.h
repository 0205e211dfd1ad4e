#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/data_set/render_data_set.h"
#include "framework/core/options.h"
#include "framework/run/coordinator.h"
#include "framework/run/slurm.h"
#include "framework/train/trainer.h"
#include "transfer/spec.h"

namespace affinis::experiments {

/// What the experiment is called.
struct NameOptions {
  std::string name = "study";
  std::string description;

  static const std::vector<OptionField>& fields();
};

/// Image size and network width.
struct ScaleOptions {
  std::int64_t image_side = 64;
  std::int64_t width = 16;

  static const std::vector<OptionField>& fields();
};

/// Which tasks take part, and as what.
struct TaskOptions {
  std::vector<std::string> names;    ///< the dictionary; empty: every registered task
  std::vector<std::string> sources;  ///< empty: all of `names` that may be sources
  std::vector<std::string> targets;  ///< empty: all of `names` that may be targets
  bool paper_compatible = false;
  bool soft_labels = false;
  std::vector<std::string> joint_sources;  ///< sets of tasks joined by +, each of which shares an encoder that is a source
  std::vector<std::string> plugins;    ///< shared libraries with tasks
  std::vector<std::string> overrides;  ///< "network.class_places.weight_decay=1e-5"

  static const std::vector<OptionField>& fields();
};

/// Where the images come from and how many of them are used.
struct DataOptions {
  std::string folder;  ///< an existing data set; empty: rooms are rendered as [rooms] says
  std::int64_t train_images = 0;
  std::int64_t transfer_images = 0;
  std::int64_t test_images = 0;
  std::int64_t validation_images = 128;
  std::int64_t subset_seed = 1;
  std::string subset_of = "views";  ///< what is drawn when not all images are used: "views" or whole "scenes"
  std::int64_t pictures = 4;

  static const std::vector<OptionField>& fields();
};

/// Which transfers are tried.
struct SearchOptions {
  std::int64_t max_order = 2;  ///< 0: networks and baselines alone
  std::vector<std::int64_t> top = {5, 5, 6};  ///< order 2, 3, 4: sets are made of a target's best so many sources
  std::int64_t seeds = 1;  ///< trainings of each transfer and of the baselines on the transfer split, with seeds one after another
  bool adaptive = false;                      ///< only the transfers that might matter instead of all
  bool forecast = true;                       ///< adaptive: readouts of encoded images say what to begin with
  double plausible = 0.2;       ///< share of drawn worlds in which a dropped transfer matters from which on it is trained after all
  std::vector<double> rungs = {0.125, 0.25, 0.5};  ///< shares of the steps after which transfers are dropped
  bool scratch = true;
  bool shallow = true;
  bool constant = true;
  bool random_encoder = true;
  std::vector<std::string> epochs_by_images;  ///< "1000:200", how long to train on up to so many transfer images; "paper"; empty: as [transfer] says
  std::vector<std::string> chains;  ///< "a>b>c", "all", "best"
  double clip_sigma = 5;
  bool half_precision = true;
  bool keep_weights = false;

  static const std::vector<OptionField>& fields();
};

/// Which tasks are learnt together, under which balancers; nothing is without a group.
struct MultiTaskOptions {
  std::vector<std::string> groups;       ///< "all", "pairs", "subsets", "singles", or tasks joined by +
  std::vector<std::string> tasks;        ///< what the words stand for; empty: all of the study's whose encoder learns
  std::vector<std::string> balancers;    ///< empty: that of [balance]
  std::vector<std::int64_t> seeds;       ///< of joint and task-specific networks alike; empty: that of [network]
  std::vector<double> missing_labels = {0};  ///< shares of labels taken away at random, each tried
  std::int64_t missing_seed = 1;
  bool baselines = true;                 ///< task-specific networks for every seed, to compare with
  std::int64_t narrow_width = 0;         ///< task-specific networks of this width too, as cheaper candidates for groups; 0: none
  double early = 0.2;                    ///< share of the training after which early validation losses are taken
  train::TrainerOptions trainer;         ///< of joint trainings; balance and seed come from elsewhere

  /// The lists above and, in the same section, the trainer's settings but its seed.
  static const std::vector<OptionField>& fields();
};

/// The taxonomies that are solved at the end.
struct TaxonomyOptions {
  std::vector<std::int64_t> budgets;     ///< empty: 1 to the number of sources
  std::vector<std::int64_t> max_orders;  ///< empty: 1 to search.max_order
  std::string objective = "affinity";
  std::string gain_against = "scratch";
  std::int64_t draws = 1000;  ///< of the test set, for intervals; 0: none

  static const std::vector<OptionField>& fields();
};

/// Fine-tuning of one network for other tasks: every policy with every number of images and every seed.
struct FinetuneOptions {
  std::string source;                ///< a task of the study, whose network is the start, or a weight file
  std::vector<std::string> tasks;    ///< empty: all targets
  std::vector<std::string> policies; ///< empty: nothing is fine-tuned
  std::vector<std::int64_t> images = {0};  ///< of the transfer split; 0: all
  std::vector<std::int64_t> seeds = {1, 2, 3};
  bool keep_weights = false;

  static const std::vector<OptionField>& fields();
};

/// A policy that is none: a network of the same shape from drawn weights on the same images, trained as [scratch] says.
inline constexpr const char* kScratchPolicy = "scratch";

/// A whole experiment file.
struct StudyOptions {
  NameOptions name;
  ScaleOptions scale;
  TaskOptions tasks;
  DataOptions data;
  RenderDataSetOptions rooms;
  train::TrainerOptions network;
  train::TrainerOptions scratch;
  train::TrainerOptions constant;
  train::TrainerOptions transfer;
  FinetuneOptions finetune;
  train::TrainerOptions finetune_training;
  train::AdaptationOptions finetune_adaptation;
  SearchOptions search;
  MultiTaskOptions mtl;
  train::BalanceOptions balance;
  TaxonomyOptions taxonomy;
  run::RunOptions run;
  run::SlurmOptions slurm;

  /// Taskonomy's rates and lengths (Zamir et al. 2018: Adam 1e-4, batch 32, 30 epochs for networks, 200 for transfers of 1k images), but
  /// with a cosine schedule.
  StudyOptions();

  /// The sections of the experiment file; they point into this object.
  std::vector<OptionSection> sections();
  /// Makes dependent settings agree and throws Error(kConfig) where they cannot.
  void finish();
  /// Trainer settings of `section` ("network", "scratch", "constant", "transfer", "finetune_training") for one task: the section's with the task's overrides.
  train::TrainerOptions trainer(std::string_view section, const std::string& task) const;
  /// Of one fine-tuning: [finetune_training] and [finetune_adaptation] with the policy, or [scratch] for kScratchPolicy.
  train::TrainerOptions finetune_trainer(const std::string& policy, const std::string& task, std::int64_t seed) const;
};

/// Reads a file, applies `overrides` ("section.key=value"), finishes. Throws Error(kConfig) or Error(kUsage).
StudyOptions read_study(const std::filesystem::path& path, const std::vector<std::string>& overrides);
/// As above from text; `name` stands for the file in sentences. Relative paths in the text (data.folder, tasks.plugins) are meant from
/// `base` when they are there, else from the working folder, as those of overrides always are; all become absolute.
StudyOptions parse_study(std::string_view text, const std::string& name, const std::vector<std::string>& overrides,
                         const std::filesystem::path& base = {});

/// Whether finetune.source is a weight file (by its ending), not a task.
bool is_weight_file(const std::string& source);

/// The reference of all settings, as committed in experiments/OPTIONS.md.
std::string study_options_markdown();

}  // namespace affinis::experiments
