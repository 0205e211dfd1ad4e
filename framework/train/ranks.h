#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "framework/nn/collective.h"

namespace affinis::train {

/// What a launcher tells a process about the processes that it was started with.
struct RankEnvironment {
  std::string launcher;  ///< "torchrun", "slurm", "mpi"
  int rank = 0;
  int size = 1;
  int local_rank = 0;          ///< among those on this machine: which GPU is this one's
  std::string address;         ///< where rank 0 can be reached; empty when the launcher does not say
  int port = 0;                ///< 0 when the launcher does not say
};

/// Reads torchrun's variables (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), else those of a Slurm step (SLURM_PROCID,
/// SLURM_STEP_NUM_TASKS, SLURM_LOCALID; MASTER_ADDR or SLURM_LAUNCH_NODE_IPADDR; a port from SLURM_JOB_ID), else those of Open MPI's mpirun
/// (OMPI_COMM_WORLD_RANK ...). Nothing when none of them started the process. Throws Error(kConfig) that names a variable without sense.
/// `variable` looks one up (std::getenv), null when it is not set.
std::optional<RankEnvironment> read_rank_environment(const std::function<const char*(const char*)>& variable);

/// How ranks talk: "mpi" (a build with AFFINIS_MPI, started by mpirun or srun), "nccl" (a build with AFFINIS_CUDA, one GPU a rank), "tcp" (every
/// build; through a store in rank 0: for tests, small networks and machines without MPI), "none", or "auto": none for a process on
/// its own, nccl on GPUs, mpi when mpirun started it, tcp otherwise. Null for a single rank. Blocks until all ranks have come.
/// Throws Error(kConfig) when the kind is not in this build or the launcher's variables are missing, Error(kDevice) when the others cannot be reached.
std::unique_ptr<nn::Collective> join_ranks(const std::string& kind, bool on_gpu);

/// The kinds that this build knows, without "auto".
std::string collective_kinds();

}  // namespace affinis::train
