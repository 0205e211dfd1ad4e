#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/json.h"
#include "framework/train/event_file.h"
#include "framework/train/metrics_files.h"
#include "tests/framework/train/event_reader.h"

namespace affinis::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

MetricsRecord made_record(std::int64_t step, std::size_t tasks = 1) {
  MetricsRecord record;
  record.point = {step, 0.5 / static_cast<double>(step), step == 20 ? kNan : 0.25, 1e-3};
  record.epoch = static_cast<double>(step) / 10;
  record.seconds = 2;
  record.wall_time = 1.75e9 + static_cast<double>(step);
  for (std::size_t t = 0; t < tasks; ++t) {
    record.train_losses.push_back(static_cast<double>(t));
    record.validation_losses.push_back(t == 1 ? kNan : 7.5);
  }
  return record;
}

TEST(EventFile, RecordIsFramedAsTensorFlowDoes) {
  const std::string record = event_record("abc");
  ASSERT_EQ(record.size(), 8u + 4u + 3u + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
  // The mask by hand: rotate right by 15, add a constant.
  std::uint32_t stored = 0;
  std::memcpy(&stored, record.data() + 15, 4);
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(std::string_view("abc"))));
  EXPECT_EQ(stored, ((crc >> 15) | (crc << 17)) + 0xa282ead8U);
}

TEST(EventFile, ScalarsReadBack) {
  const std::vector<ScalarTag> scalars = {{"loss/train", 0.5}, {"learning_rate", 1e-4}};
  const auto events = read_events(event_file_header(1.5) + scalar_record(2.5, 300, scalars));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].file_version, "brain.Event:2");
  EXPECT_EQ(events[0].wall_time, 1.5);
  EXPECT_EQ(events[1].wall_time, 2.5);
  EXPECT_EQ(events[1].step, 300);
  EXPECT_EQ(events[1].scalars.at("loss/train"), 0.5f);
  EXPECT_EQ(events[1].scalars.at("learning_rate"), 1e-4f);
}

TEST(MetricsFiles, WritesEveryFormatAndLeavesMissingValuesOut) {
  const TemporaryFolder folder;
  {
    MetricsFiles files({folder.path()}, {"toy"}, 1750000000, {});
    files.append(made_record(10));
    files.append(made_record(20));
  }
  EXPECT_EQ(read_file(folder.path() / "metrics.csv"),
            "step,epoch,train_loss,validation_loss,learning_rate\n10,1,0.05,0.25,0.001\n20,2,0.025,,0.001\n");
  std::ifstream lines(folder.path() / "metrics.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line)["validation_loss"], 0.25);
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_TRUE(nlohmann::json::parse(line)["validation_loss"].is_null());
  EXPECT_FALSE(std::getline(lines, line));
  const auto events = read_events(read_file(folder.path() / "events.out.tfevents.affinis"));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(events[1].scalars.contains("loss/validation"));
  EXPECT_FALSE(events[2].scalars.contains("loss/validation"));
  EXPECT_EQ(events[2].scalars.at("loss/train"), 0.025f);
}

TEST(MetricsFiles, SeveralTasksHaveColumnsOfTheirOwn) {
  const TemporaryFolder folder;
  MetricsFiles files({folder.path(), false}, {"depth", "normal"}, 1, {});
  files.append(made_record(10, 2));
  EXPECT_EQ(read_file(folder.path() / "metrics.csv"),
            "step,epoch,train_loss,validation_loss,learning_rate,train_loss/depth,validation_loss/depth,train_loss/normal,"
            "validation_loss/normal\n10,1,0.05,0.25,0.001,0,7.5,1,\n");
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_EQ(entry.path().filename().string().find("tfevents"), std::string::npos);
  }
}

TEST(MetricsFiles, GoingOnFromEarlierDropsLaterLinesAndStaleEventFiles) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "events.out.tfevents.5.affinis", "stale");
  write_file_atomically(folder.path() / "events.out.tfevents.5.host.1", "of another program");
  const std::vector<MetricsRecord> all = {made_record(10), made_record(20), made_record(30)};
  std::string uninterrupted;
  {
    MetricsFiles files({folder.path()}, {"toy"}, 7, {});
    for (const MetricsRecord& each : all) files.append(each);
    uninterrupted = read_file(folder.path() / "events.out.tfevents.affinis");
  }
  const std::string csv = read_file(folder.path() / "metrics.csv");
  {
    MetricsFiles files({folder.path()}, {"toy"}, 7, std::span(all).first(1));
    files.append(all[1]);
    files.append(all[2]);
  }
  EXPECT_EQ(read_file(folder.path() / "metrics.csv"), csv);
  EXPECT_EQ(read_file(folder.path() / "events.out.tfevents.affinis"), uninterrupted);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "events.out.tfevents.5.affinis"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "events.out.tfevents.5.host.1"));
}

TEST(MetricsFiles, WithoutAFolderNothingIsWritten) {
  MetricsFiles files({}, {"toy"}, 7, {});
  files.append(made_record(10));
}

}  // namespace
}  // namespace affinis::train
