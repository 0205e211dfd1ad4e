#include "framework/train/ranks.h"

#include <map>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

using ::testing::HasSubstr;

std::optional<RankEnvironment> read(const std::map<std::string, std::string>& variables) {
  return read_rank_environment([&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(Ranks, ReadsEveryLaunchersVariables) {
  EXPECT_FALSE(read({}).has_value());
  EXPECT_FALSE(read({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}).has_value()) << "a batch script is no step";
  const auto torchrun = read({{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}});
  ASSERT_TRUE(torchrun.has_value());
  EXPECT_EQ(torchrun->launcher, "torchrun");
  EXPECT_EQ(std::tie(torchrun->rank, torchrun->size, torchrun->local_rank, torchrun->port), std::make_tuple(3, 8, 1, 29500));
  EXPECT_EQ(torchrun->address, "node1");
  const auto slurm = read({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_LOCALID", "1"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.7"}, {"SLURM_JOB_ID", "20017"}});
  ASSERT_TRUE(slurm.has_value());
  EXPECT_EQ(std::tie(slurm->rank, slurm->size, slurm->local_rank, slurm->port), std::make_tuple(1, 2, 1, 20017));
  EXPECT_EQ(slurm->address, "10.0.0.7");
  const auto mpi = read({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}});
  ASSERT_TRUE(mpi.has_value());
  EXPECT_EQ(mpi->launcher, "mpi");
}

TEST(Ranks, NamesTheVariableThatMakesNoSense) {
  const auto refused = [](const std::map<std::string, std::string>& variables) -> std::string {
    try {
      read(variables);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refused({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), HasSubstr("RANK is '2'"));
  EXPECT_THAT(refused({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), HasSubstr("RANK is 'x'"));
  EXPECT_THAT(refused({{"RANK", "0"}, {"WORLD_SIZE", "-1"}}), HasSubstr("WORLD_SIZE is '-1'"));
  EXPECT_THAT(refused({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}), HasSubstr("MASTER_PORT is '70000'"));
}

}  // namespace
}  // namespace affinis::train
