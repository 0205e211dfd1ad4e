#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transfer/job_kinds.h"

namespace affinis::transfer {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> keys_of(const nlohmann::json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST(TrainSpec, SaysNothingOfAStartItDoesNotHaveSoThatOldJobsStayThemselves) {
  EXPECT_THAT(keys_of(to_json(TrainSpec())),
              ElementsAre("keep_weights", "role", "split", "study", "task", "trainer", "trunk", "validation_images"));
  EXPECT_FALSE(to_json(TrainSpec()).at("trainer").contains("adaptation"));
}

TEST(TrainSpec, KnowsItsStartAgain) {
  TrainSpec spec;
  spec.start.job = "network/edge2d";
  EXPECT_EQ(train_spec_from_json(to_json(spec)).start.job, "network/edge2d");
  EXPECT_THAT(make_train_job(spec, "finetune/x", {"data"}).inputs, ElementsAre("data", "network/edge2d"));
  spec.start = {"", "0123"};
  const TrainSpec again = train_spec_from_json(to_json(spec));
  EXPECT_EQ(again.start.hash, "0123");
  EXPECT_TRUE(again.start.job.empty());
  EXPECT_NE(to_json(spec), to_json(TrainSpec()));
}

TEST(TrainSpec, KeepsAdaptation) {
  TrainSpec spec;
  spec.trainer.adaptation.freeze = "stages";
  spec.trainer.adaptation.freeze_count = 2;
  EXPECT_EQ(train_spec_from_json(to_json(spec)).trainer.adaptation, spec.trainer.adaptation);
}

}  // namespace
}  // namespace affinis::transfer
