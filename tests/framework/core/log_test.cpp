#include "framework/core/log.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

/// A logger with a stream sink whose clock stands until it is moved.
class StreamSinkTest : public testing::Test {
 protected:
  void start(bool redraw, std::size_t columns = 80) {
    StreamSinkOptions options;
    options.redraw = redraw;
    options.columns = columns;
    options.clock = [this] { return now_; };
    logger_.add_sink(make_stream_sink(stream_, options));
  }
  std::string take() {
    std::string text = stream_.str();
    stream_.str("");
    return text;
  }

  double now_ = 1000;
  std::ostringstream stream_;
  Logger logger_;
};

TEST_F(StreamSinkTest, PlainLinesNameTheLevel) {
  start(false);
  logger_.info("{} rooms", 3);
  logger_.warning("room {} is dark", 2);
  logger_.event(LogLevel::kError, "stopped");
  logger_.event(LogLevel::kDebug, "hidden");
  EXPECT_EQ(take(), "3 rooms\nwarning: room 2 is dark\nerror: stopped\n");
}

TEST_F(StreamSinkTest, PlainProgressIsThrottledForEachPieceOfWork) {
  start(false);
  {
    Progress rendering(logger_, "rendering", 100);
    Progress packing(logger_, "packing", 10);
    for (int i = 0; i < 9; ++i) {
      now_ += 1;
      rendering.advance();
    }
    EXPECT_EQ(take(), "");
    now_ += 1;
    rendering.advance(1, "loss 0.12");
    EXPECT_EQ(take(), "rendering: 10% (10 of 100), 1:30 left, loss 0.12\n");
    packing.advance();
    EXPECT_EQ(take(), "packing: 10% (1 of 10), 1:30 left\n");
    for (int i = 0; i < 90; ++i) {
      now_ += 0.1;
      rendering.set(10);
    }
    EXPECT_EQ(take(), "");
    now_ += 2;
    rendering.set(100);
    EXPECT_EQ(take(), "rendering: 100% (100 of 100), loss 0.12\n");
  }
  EXPECT_EQ(take(),
            "packing: stopped at 1 of 10 after 0:21\nrendering: done, 100 of 100 in 0:21\n");
}

TEST_F(StreamSinkTest, ShortWorkLeavesNoPlainLine) {
  start(false);
  {
    Progress progress(logger_, "rendering", 3);
    for (int i = 0; i < 3; ++i) {
      now_ += 3;
      progress.advance();
    }
  }
  EXPECT_EQ(take(), "");
}

TEST_F(StreamSinkTest, TimeLeftIgnoresWhatAnEarlierAttemptDid) {
  start(false);
  Progress progress(logger_, "training", 100, 80);
  now_ += 20;
  progress.advance(10);
  EXPECT_EQ(take(), "training: 90% (90 of 100), 0:20 left\n");
}

TEST_F(StreamSinkTest, WorkOfUnknownSizeHasNoPercentage) {
  start(false);
  Progress progress(logger_, "waiting", 0);
  now_ += 10;
  progress.advance(5);
  EXPECT_EQ(take(), "waiting: (5)\n");
}

TEST_F(StreamSinkTest, BarIsRedrawnInPlaceAndClearedAtTheEnd) {
  start(true);
  {
    Progress progress(logger_, "rendering", 4);
    EXPECT_EQ(take(), "\r\033[Krendering [....................] 0% (0 of 4)");
    now_ += 5;
    progress.advance();
    EXPECT_EQ(take(), "\r\033[Krendering [#####...............] 25% (1 of 4), 0:15 left");
    now_ += 0.01;
    progress.advance();
    EXPECT_EQ(take(), "");
    logger_.info("a room is dark");
    EXPECT_THAT(take(),
                testing::StartsWith("\r\033[Ka room is dark\n\r\033[Krendering [##########"));
  }
  EXPECT_EQ(take(), "\r\033[K");
}

TEST_F(StreamSinkTest, InnerWorkTakesTheBarAndGivesItBack) {
  start(true);
  Progress outer(logger_, "study", 2);
  take();
  {
    Progress inner(logger_, "training", 10);
    EXPECT_THAT(take(), HasSubstr("(+1 more)"));
  }
  EXPECT_EQ(take(), "\r\033[K\r\033[Kstudy [....................] 0% (0 of 2)");
}

TEST_F(StreamSinkTest, BarStaysWithinTheLineAndDoesNotCutLetters) {
  start(true, 20);
  Progress progress(logger_, "chambre \u00e9clair\u00e9e \u00e9\u00e9\u00e9\u00e9\u00e9", 4, 1);
  progress.set(2, "two\nlines");
  const std::string text = take();
  EXPECT_THAT(text, Not(HasSubstr("\n")));
  for (const std::string& line : split(text, '\r')) {
    EXPECT_LE(line.size(), 19U + 3U);
    EXPECT_NO_THROW(json(line.empty() ? line : line.substr(3)).dump()) << "not UTF-8";
  }
}

TEST(JsonlSink, EveryLineParsesAndAppends) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "log.jsonl";
  std::ofstream(path) << "{\"half";
  for (int attempt = 0; attempt < 2; ++attempt) {
    Logger logger;
    logger.add_sink(make_jsonl_sink(path));
    logger.event(LogLevel::kWarning, "a \"quoted\"\nsentence \xFF",
                 {{"loss", 0.25}, {"level", "spoofed"}});
    logger.event(LogLevel::kInfo, "a list", json{1, 2});
    // Flushed: readable while the logger lives.
    EXPECT_EQ(split(trim(read_file(path)), '\n').size(), static_cast<std::size_t>(3 + 2 * attempt));
  }
  const std::vector<std::string> lines = split(trim(read_file(path)), '\n');
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], "{\"half");
  const json first = json::parse(lines[1]);
  EXPECT_EQ(first["level"], "warning");
  EXPECT_EQ(first["loss"], 0.25);
  EXPECT_THAT(first["message"].get<std::string>(), testing::StartsWith("a \"quoted\"\nsentence "));
  EXPECT_GE(first["seconds"].get<double>(), 0.0);
  std::string shape = first["time"].get<std::string>();
  std::replace_if(shape.begin(), shape.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  EXPECT_EQ(shape, "0000-00-00T00:00:00.000Z");
  EXPECT_EQ(json::parse(lines[2])["fields"], json({1, 2}));
  EXPECT_EQ(json::parse(lines[4])["message"], "a list");
}

TEST(JsonlSink, NamesAPathThatCannotBeWritten) {
  const TemporaryFolder folder;
  try {
    make_jsonl_sink(folder.path() / "missing" / "log.jsonl");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.sentence(), HasSubstr((folder.path() / "missing" / "log.jsonl").string()));
  }
}

TEST(Logger, DropsASinkThatThrowsAndTellsTheOthers) {
  class Broken : public LogSink {
    void event(LogLevel, const std::string&, const json&) override {
      throw std::runtime_error("the disk is full");
    }
    void progress(const std::string&, double, double, const std::string&) override {}
    void progress_end(const std::string&) override {}
  };
  std::ostringstream stream;
  Logger logger;
  logger.add_sink(std::make_unique<Broken>());
  logger.add_sink(make_stream_sink(stream, {}));
  logger.info("one");
  logger.info("two");
  EXPECT_EQ(stream.str(), "warning: a log has stopped: the disk is full\none\ntwo\n");
}

TEST(Logger, SwallowsEverythingWithoutSinks) {
  Logger logger;
  logger.info("nobody hears");
  Progress progress(logger, "nothing", 1);
  progress.advance();
}

TEST(Logger, LinesOfManyThreadsStayWhole) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "log.jsonl";
  std::ostringstream stream;
  {
    Logger logger;
    logger.add_sink(make_jsonl_sink(path));
    logger.add_sink(make_stream_sink(stream, {}));
    Progress shared(logger, "shared", 800);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        Progress own(logger, "thread " + std::to_string(thread), 100);
        for (int i = 0; i < 100; ++i) {
          logger.event(LogLevel::kInfo, "event", {{"thread", thread}, {"i", i}});
          own.advance();
          shared.advance(1, "note");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<int> next(8);
  const std::vector<std::string> lines = split(trim(read_file(path)), '\n');
  ASSERT_EQ(lines.size(), 800U);
  for (const std::string& line : lines) {
    const json event = json::parse(line);
    EXPECT_EQ(event["i"], next.at(event["thread"].get<std::size_t>())++);
  }
  std::istringstream read(stream.str());
  std::string line;
  int count = 0;
  for (; std::getline(read, line); ++count) EXPECT_EQ(line, "event");
  EXPECT_EQ(count, 800);
}

}  // namespace
}  // namespace affinis
