#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/data/data_set.h"
#include "framework/nn/collective.h"
#include "framework/nn/networks.h"
#include "framework/run/job.h"
#include "framework/task/task.h"
#include "framework/train/batch_source.h"
#include "framework/train/trainer.h"

namespace affinis::transfer {

/// Which samples of a split are used: all of them, or `count` drawn once from (seed, split).
struct SubsetSpec {
  std::string split;
  std::int64_t count = 0;  ///< 0: all
  std::int64_t seed = 1;
  bool whole_scenes = false;  ///< draw scenes, not views: tasks on several views find their partners in a small subset too
};

/// What every job of a study shares; part of each job's spec and so of its identity.
struct StudySpec {
  nn::Scale scale;
  bool paper_compatible = false;
  bool soft_labels = false;
  bool half_precision = true;   ///< of cached representations
  std::int64_t threads = 1;     ///< results are bit for bit for one number of threads
  std::int64_t pictures = 4;    ///< test images whose predictions are kept as pictures
  std::string data_identity;    ///< of a data set outside the run; empty when a job renders it
  SubsetSpec train{data::kTrainSplit, 0, 1};
  SubsetSpec transfer{data::kTransferSplit, 0, 1};
  SubsetSpec test{data::kTestSplit, 0, 1};
};

nlohmann::json to_json(const StudySpec& spec);
StudySpec study_spec_from_json(const nlohmann::json& json);

/// Positions in the store, ascending.
std::vector<std::int64_t> subset_positions(const SubsetSpec& subset, const data::Store& store);

/// What job kinds need besides the job: the tasks, where the data set is when no job renders it, and the other processes that do the
/// same job together with this one (networks only).
struct StudyEnvironment {
  std::shared_ptr<const task::TaskRegistry> tasks;
  std::filesystem::path data_folder;
  std::shared_ptr<nn::Collective> collective = nullptr;
  std::filesystem::path start_weights = {};  ///< what trainings whose spec names a file begin from
};

/// Name of the job that renders or checks in the data set.
inline constexpr const char* kDataJob = "data";

/// The data set of a running job (its input kDataJob, or the environment's folder), kept open in the worker's memory.
std::shared_ptr<const data::DataSet> open_data(run::JobContext& context, const StudyEnvironment& environment,
                                               const StudySpec& spec);

/// One split's store; keeps the data set alive.
std::shared_ptr<const data::Store> shared_split(const std::shared_ptr<const data::DataSet>& data, const std::string& split);

std::shared_ptr<const task::Task> make_task(const StudyEnvironment& environment, const std::string& name,
                                            const data::DataSet& data, const StudySpec& spec);

/// A split's examples of one task, in memory: labels (and inputs, when asked for) of the subset, from the stream of epoch 0.
/// Kept in the worker's memory: all transfers to a target share them.
train::TensorSet load_examples(run::JobContext& context, const StudyEnvironment& environment, const StudySpec& spec,
                               const SubsetSpec& subset, const std::string& task_name, bool with_inputs);

}  // namespace affinis::transfer
