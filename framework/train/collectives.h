#pragma once

#include <memory>

#include <c10/util/intrusive_ptr.h>

#include "framework/nn/collective.h"
#include "framework/train/ranks.h"

namespace c10d {
class TCPStore;
}

namespace affinis::train {

/// LibTorch's key-value store, served by rank 0 at the environment's address and port. Throws Error(kConfig) without them, Error(kDevice)
/// when rank 0 cannot be reached.
c10::intrusive_ptr<c10d::TCPStore> meet_at_store(const RankEnvironment& environment);

/// Sums and broadcasts through the store: every rank publishes its bytes and adds up all ranks' in their order. Traffic grows with the
/// square of the ranks.
std::unique_ptr<nn::Collective> make_tcp_collective(const RankEnvironment& environment);

/// In builds with AFFINIS_MPI: MPI_COMM_WORLD.
std::unique_ptr<nn::Collective> make_mpi_collective();
/// In builds with AFFINIS_CUDA: one communicator over all ranks, each on the GPU of its local rank.
std::unique_ptr<nn::Collective> make_nccl_collective(const RankEnvironment& environment);

}  // namespace affinis::train
