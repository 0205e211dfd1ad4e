#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/run/messages.h"

namespace affinis::run {
namespace {

RunMessage message() {
  RunMessage message;
  message.job = {"train", "network/depth", {{"steps", 3}}, {"data", "network/start"}, "depth", 2.5, {{"checkpoint_seconds", 0}}};
  message.identity = "0123456789abcdef";
  message.folder = "jobs/network.depth-0123456789ab";
  message.inputs = {{"data", "jobs/data-1"}, {"network/start", "jobs/start-2"}};
  message.memory_gib = 0.25;
  return message;
}

TEST(RunMessage, TellsTheWorkerAllThatTheJobSays) {
  const RunMessage sent = message();
  const RunMessage arrived = run_message_from_json(nlohmann::json::parse(to_json(sent).dump()));
  EXPECT_EQ(arrived.job.kind, sent.job.kind);
  EXPECT_EQ(arrived.job.name, sent.job.name);
  EXPECT_EQ(arrived.job.spec, sent.job.spec);
  EXPECT_EQ(arrived.job.inputs, sent.job.inputs);
  EXPECT_EQ(arrived.job.group, sent.job.group);
  EXPECT_EQ(arrived.job.cost, sent.job.cost);
  EXPECT_EQ(arrived.job.manner, sent.job.manner);
  EXPECT_EQ(arrived.identity, sent.identity);
  EXPECT_EQ(arrived.folder, sent.folder);
  EXPECT_EQ(arrived.inputs, sent.inputs);
  EXPECT_EQ(arrived.memory_gib, sent.memory_gib);
}

TEST(RunMessage, IsRefusedWhenAFieldIsMissing) {
  const nlohmann::json whole = to_json(message());
  for (const auto& [field, value] : whole.items()) {
    if (field == "memory_gib") continue;
    nlohmann::json less = whole;
    less.erase(field);
    EXPECT_THROW(run_message_from_json(less), Error) << field;
  }
}

}  // namespace
}  // namespace affinis::run
