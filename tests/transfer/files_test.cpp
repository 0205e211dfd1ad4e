#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/array_file.h"
#include "transfer/job_kinds.h"
#include "transfer/loss_file.h"
#include "transfer/representation.h"
#include "transfer/result.h"

namespace affinis::transfer {
namespace {

TEST(LossFile, ReadsBackBitForBit) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "losses.h5";
  const LossFile written{"rgb2depth", "edge2d+reshade", {3, 5, 9}, {0.1, std::numeric_limits<double>::quiet_NaN(), 1.0 / 3.0}};
  write_loss_file(path, written);
  const LossFile read = read_loss_file(path);
  EXPECT_EQ(read.task, written.task);
  EXPECT_EQ(read.network, written.network);
  EXPECT_EQ(read.indices, written.indices);
  EXPECT_EQ(read.losses[0], written.losses[0]);
  EXPECT_TRUE(std::isnan(read.losses[1]));
  EXPECT_EQ(read.losses[2], written.losses[2]);
}

TEST(LossFile, RefusesAnotherKindByName) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "other.h5";
  data::ArrayFile other;
  other.kind = "representations";
  data::write_array_file(path, other);
  try {
    read_loss_file(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFormat);
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
  }
}

TEST(Representations, HalfPrecisionReadsBackWhatWasReturned) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "r.h5";
  const at::Tensor values = at::rand({5, 8, 4, 4}).to(at::kHalf).to(at::kFloat);
  write_representations(path, {"edge2d", {0, 1, 2, 3, 4}, values}, RepresentationPrecision::kHalf);
  const Representations read = read_representations(path);
  EXPECT_EQ(read.source, "edge2d");
  EXPECT_EQ(read.indices, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(at::equal(read.values, values));
}

TEST(Representations, SinglePrecisionKeepsEveryBit) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "r.h5";
  const at::Tensor values = at::randn({3, 8, 4, 4});
  write_representations(path, {"edge2d", {0, 1, 2}, values}, RepresentationPrecision::kSingle);
  EXPECT_TRUE(at::equal(read_representations(path).values, values));
}

TEST(PicturePositions, AreSpreadAndNeverMoreThanThereAre) {
  EXPECT_EQ(picture_positions({10, 20, 30, 40}, 2), (std::vector<std::int64_t>{20, 40}));
  EXPECT_EQ(picture_positions({10, 20}, 5), (std::vector<std::int64_t>{10, 20}));
  EXPECT_TRUE(picture_positions({}, 3).empty());
  EXPECT_TRUE(picture_positions({1, 2}, 0).empty());
}

TEST(Specs, SurviveJson) {
  TrainSpec train;
  train.study.scale = {"", 64, 16};
  train.task = "edge2d";
  train.trunk = TrunkKind::kShallow;
  train.role = "shallow";
  train.trainer.learning_rate = 0.1 + 0.2;
  train.trainer.decay_at = {0.5, 0.75};
  EXPECT_EQ(to_json(train_spec_from_json(to_json(train))), to_json(train));

  TransferSpec transfer;
  transfer.sources = {"a", "b"};
  transfer.target = "t";
  transfer.clip_sigma = 4.5;
  EXPECT_EQ(to_json(transfer_spec_from_json(to_json(transfer))), to_json(transfer));

  EncodeSpec encode;
  encode.source = "a";
  EXPECT_EQ(to_json(encode_spec_from_json(to_json(encode))), to_json(encode));
}

TEST(Specs, LeaveOutWhatDoesNotAffectResults) {
  TrainSpec one;
  TrainSpec other = one;
  other.trainer.checkpoint_seconds = one.trainer.checkpoint_seconds + 5;
  EXPECT_EQ(to_json(one), to_json(other));
  other.trainer.weight_decay = one.trainer.weight_decay * 2 + 1;
  EXPECT_NE(to_json(one), to_json(other));
}

TEST(Specs, WhatDoesNotAffectResultsReachesTheJobBesideItsSpec) {
  train::TrainerOptions often;
  often.checkpoint_seconds = 0.5;
  TrainSpec train;
  train.trainer = often;
  TransferSpec transfer;
  transfer.trainer = often;
  JointSpec joint;
  joint.trainer = often;
  const run::Job jobs[] = {make_train_job(train, "network/a", {}), make_transfer_job(transfer, "transfer/a--b", {}, {}),
                           make_joint_job(joint, "joint/a+b", {})};
  for (const run::Job& job : jobs) EXPECT_EQ(job.manner, nlohmann::json({{"checkpoint_seconds", 0.5}})) << job.name;
  EXPECT_EQ(train_spec_of(jobs[0]).trainer.checkpoint_seconds, 0.5);
  EXPECT_EQ(transfer_spec_of(jobs[1]).trainer.checkpoint_seconds, 0.5);
  EXPECT_EQ(joint_spec_of(jobs[2]).trainer.checkpoint_seconds, 0.5);
  train.trainer = {};
  EXPECT_TRUE(make_train_job(train, "network/a", {}).manner.empty());
  EXPECT_EQ(make_train_job(train, "network/a", {}).spec, jobs[0].spec);
}

}  // namespace
}  // namespace affinis::transfer
