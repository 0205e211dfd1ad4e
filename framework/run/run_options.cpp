#include <algorithm>

#include "framework/run/coordinator.h"

namespace affinis::run {

const std::vector<OptionField>& RunOptions::fields() {
  static const std::vector<OptionField> table = {
      option("devices", &RunOptions::devices,
             "device slots, one worker process each (cpu:0, cpu:1, cuda:0, ...)",
             {.affects_result = false}),
      option("threads_per_worker", &RunOptions::threads_per_worker,
             "threads of each worker; on the CPU results are bit for bit the same only for the "
             "same number",
             {.minimum = 1}),
      option("retries", &RunOptions::retries,
             "attempts after the first for a job whose worker died or whose disk or device failed",
             {.minimum = 0, .affects_result = false}),
      option("worker_memory_gib", &RunOptions::worker_memory_gib,
             "GiB that each worker keeps from job to job (representations, labels)",
             {.minimum = 0, .affects_result = false}),
      option("cuda_graphs", &RunOptions::cuda_graphs,
             "transfers on a GPU replay their network's passes as CUDA graphs instead of launching "
             "every kernel; needs a slot cuda:N in devices",
             {.affects_result = false}),
  };
  return table;
}

bool RunSummary::complete() const {
  return std::all_of(jobs.begin(), jobs.end(), [](const auto& job) {
    return job.second.state == JobOutcome::State::kDone ||
           job.second.state == JobOutcome::State::kReused;
  });
}

}  // namespace affinis::run
