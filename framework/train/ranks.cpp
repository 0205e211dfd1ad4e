#include "framework/train/ranks.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/collectives.h"

namespace affinis::train {
namespace {

#ifdef AFFINIS_MPI
constexpr bool kMpi = true;
#else
constexpr bool kMpi = false;
#endif
#ifdef AFFINIS_CUDA
constexpr bool kNccl = true;
#else
constexpr bool kNccl = false;
#endif

std::string choose(const RankEnvironment& environment, bool on_gpu) {
  if (on_gpu && kNccl) return "nccl";
  return environment.launcher == "mpi" && kMpi ? "mpi" : "tcp";
}

}  // namespace

std::string collective_kinds() {
  std::vector<std::string> kinds = {"none", "tcp"};
  if (kMpi) kinds.emplace_back("mpi");
  if (kNccl) kinds.emplace_back("nccl");
  return join(kinds, ", ");
}

std::unique_ptr<nn::Collective> join_ranks(const std::string& kind, bool on_gpu) {
  if (kind == "none") return nullptr;
  const std::optional<RankEnvironment> environment = read_rank_environment([](const char* name) { return std::getenv(name); });
  if (kind == "auto" && (!environment || environment->size == 1)) return nullptr;
  AFFINIS_CHECK(environment.has_value(), ErrorCode::kConfig,
                "no launcher started this process; start all ranks by mpirun, torchrun --no-python or srun, or leave '{}' out", kind);
  [[maybe_unused]] const std::string chosen = kind == "auto" ? choose(*environment, on_gpu) : kind;
  if (chosen == "tcp") return make_tcp_collective(*environment);
#ifdef AFFINIS_MPI
  if (chosen == "mpi") return make_mpi_collective();
#endif
#ifdef AFFINIS_CUDA
  if (chosen == "nccl") return make_nccl_collective(*environment);
#endif
  fail(ErrorCode::kConfig, "this build has no collective '{}', only {}; build with AFFINIS_MPI=ON or AFFINIS_CUDA=ON", chosen,
       collective_kinds());
}

}  // namespace affinis::train
