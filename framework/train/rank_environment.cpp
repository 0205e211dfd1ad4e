#include <algorithm>
#include <charconv>
#include <cstring>

#include "framework/core/error.h"
#include "framework/train/ranks.h"

namespace affinis::train {
namespace {

using Lookup = std::function<const char*(const char*)>;

int number(const Lookup& variable, const char* name, int least, int most) {
  const char* text = variable(name);
  AFFINIS_CHECK(text != nullptr, ErrorCode::kConfig, "{} is not set, though its launcher's other variables are; start all ranks by one launcher",
                name);
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  AFFINIS_CHECK(error == std::errc() && stop == end && value >= least && value <= most, ErrorCode::kConfig,
                "{} is '{}'; it must be a whole number from {} to {}", name, text, least, most);
  return value;
}

int number_or(const Lookup& variable, const char* name, int least, int most, int otherwise) {
  return variable(name) == nullptr ? otherwise : number(variable, name, least, most);
}

std::string text_or_empty(const Lookup& variable, const char* name) {
  const char* text = variable(name);
  return text == nullptr ? "" : text;
}

constexpr int kMostRanks = 1 << 20;
constexpr int kMostPort = 65535;

RankEnvironment read(const Lookup& variable, const char* launcher, const char* rank, const char* size, const char* local_rank) {
  RankEnvironment result;
  result.launcher = launcher;
  result.size = number(variable, size, 1, kMostRanks);
  result.rank = number(variable, rank, 0, result.size - 1);
  result.local_rank = number_or(variable, local_rank, 0, kMostRanks, 0);
  result.address = text_or_empty(variable, "MASTER_ADDR");
  result.port = number_or(variable, "MASTER_PORT", 1, kMostPort, 0);
  return result;
}

}  // namespace

std::optional<RankEnvironment> read_rank_environment(const Lookup& variable) {
  if (variable("WORLD_SIZE") != nullptr && variable("RANK") != nullptr) {
    return read(variable, "torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK");
  }
  // A batch script has SLURM_NTASKS and SLURM_PROCID too, but only srun starts steps.
  if (variable("SLURM_STEP_NUM_TASKS") != nullptr && variable("SLURM_PROCID") != nullptr) {
    RankEnvironment result = read(variable, "slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID");
    if (result.address.empty()) result.address = text_or_empty(variable, "SLURM_LAUNCH_NODE_IPADDR");
    constexpr int kFirstPort = 20000;
    constexpr int kPorts = 20000;
    constexpr int kMostJob = 2'000'000'000;
    if (result.port == 0) result.port = kFirstPort + number_or(variable, "SLURM_JOB_ID", 0, kMostJob, 0) % kPorts;
    return result;
  }
  if (variable("OMPI_COMM_WORLD_SIZE") != nullptr) {
    return read(variable, "mpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK");
  }
  return std::nullopt;
}

}  // namespace affinis::train
