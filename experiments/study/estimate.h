#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/study/study_options.h"
#include "framework/run/index.h"
#include "framework/run/job.h"
#include "framework/task/task.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {

/// What one job of a study is expected to take.
struct JobEstimate {
  double seconds = 0;  ///< on one core (on a GPU only once an earlier run on one was measured)
  double bytes = 0;    ///< that its result keeps on the disk
};

/// Images of each split that a study uses.
struct SplitSizes {
  std::int64_t train = 0;
  std::int64_t transfer = 0;
  std::int64_t test = 0;
};

/// From the data set in data.folder, or from what [rooms] will render, less what subsets leave out.
SplitSizes split_sizes(const StudyOptions& options);

/// Expected costs of a study's jobs. A model of steps, images, image side and width, whose constants were measured at desk scale on one
/// core of a common server, multiplied for each kind of job by what finished jobs of an earlier run took in truth.
class Estimator {
 public:
  /// The registry says how many images an example of a task is made of.
  Estimator(const StudyOptions& options, std::shared_ptr<const task::TaskRegistry> registry);

  /// Learns from the run in `folder`, when there is one with finished jobs; says how many it learnt from.
  std::size_t measure(const std::filesystem::path& folder);

  JobEstimate estimate(const run::Job& job) const;
  /// Main memory of one worker at its fullest, in bytes: program, network with gradients and moments, one batch's activations, what it
  /// keeps from job to job.
  double worker_bytes() const;
  /// Disk that checkpoints of the jobs under way take beside results, for each worker.
  double checkpoint_bytes() const;

 private:
  double model_seconds(const std::string& kind, const nlohmann::json& spec, const SplitSizes& sizes) const;
  double train_seconds(const transfer::TrainSpec& spec, const SplitSizes& sizes) const;
  double joint_seconds(const transfer::JointSpec& spec, const SplitSizes& sizes) const;
  double encoder_images(const std::vector<std::string>& tasks) const;

  StudyOptions options_;
  std::shared_ptr<const task::TaskRegistry> registry_;
  SplitSizes sizes_;
  std::map<std::string, double> factors_;  ///< truth by model, by kind of job and trunk
};

}  // namespace affinis::experiments
