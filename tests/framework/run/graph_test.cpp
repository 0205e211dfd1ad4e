#include "framework/run/graph.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/framework/run/toy_jobs.h"

namespace affinis::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Job job(const std::string& name, std::vector<std::string> inputs = {},
        nlohmann::json spec = {{"value", 1}}) {
  return {.kind = "sum",
          .name = name,
          .spec = std::move(spec),
          .inputs = std::move(inputs),
          .group = {}};
}

JobGraph graph(std::vector<Job> jobs) {
  JobGraph graph;
  for (Job& each : jobs) graph.add(std::move(each));
  return graph;
}

std::string sentence_of(const std::function<void()>& action, ErrorCode code) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Job, StageIsTheFirstPartOfTheName) {
  EXPECT_EQ(job("transfer/a+b--c").stage(), "transfer");
  EXPECT_EQ(job("report").stage(), "report");
}

TEST(JobGraph, OrdersInputsFirstAndTiesByAddition) {
  const JobGraph jobs = graph(
      {job("late", {"middle", "first"}), job("first"), job("middle", {"first"}), job("alone")});
  EXPECT_THAT(jobs.order(), ElementsAre("first", "middle", "late", "alone"));
  EXPECT_THAT(jobs.levels(), ElementsAre(ElementsAre("first", "alone"), ElementsAre("middle"),
                                         ElementsAre("late")));
}

TEST(JobGraph, EmptyGraphHasNoOrder) {
  EXPECT_TRUE(JobGraph().order().empty());
  EXPECT_TRUE(JobGraph().levels().empty());
}

TEST(JobGraph, NamesTheJobsOfACycle) {
  const JobGraph jobs = graph({job("before"), job("x", {"before", "z"}), job("y", {"x"}),
                               job("z", {"y"}), job("after", {"z"})});
  EXPECT_THAT(sentence_of([&] { jobs.order(); }, ErrorCode::kConfig), HasSubstr("'x', 'y', 'z'"));
  EXPECT_THAT(sentence_of([] { graph({job("self", {"self"})}).levels(); }, ErrorCode::kConfig),
              HasSubstr("'self' waits for itself"));
}

TEST(JobGraph, NamesAnUnknownInputAndItsNearest) {
  const JobGraph jobs = graph({job("train/depth"), job("encode/depth", {"train/dept"})});
  const std::string sentence = sentence_of([&] { jobs.order(); }, ErrorCode::kConfig);
  EXPECT_THAT(sentence, HasSubstr("'encode/depth'"));
  EXPECT_THAT(sentence, HasSubstr("'train/dept'"));
  EXPECT_THAT(sentence, HasSubstr("'train/depth'"));
}

TEST(JobGraph, RefusesTakenNamesRepeatedInputsAndUnknownKinds) {
  EXPECT_THAT(sentence_of(
                  [] {
                    graph({job("a"), job("a")});
                  },
                  ErrorCode::kInternal),
              HasSubstr("'a'"));
  EXPECT_THAT(sentence_of(
                  [] {
                    graph({job("a"), job("b", {"a", "a"})}).order();
                  },
                  ErrorCode::kConfig),
              HasSubstr("twice"));
  Job odd = job("odd");
  odd.kind = "summ";
  EXPECT_THAT(sentence_of([&] { graph({odd}).identities(toy::kinds()); }, ErrorCode::kUsage),
              HasSubstr("job odd"));
}

TEST(JobGraph, IdentityChangesOnlyDownstream) {
  const auto build = [](int middle_value) {
    return graph({job("a"), job("b", {"a"}, {{"value", middle_value}}), job("c", {"b"}),
                  job("d", {"a"})})
        .identities(toy::kinds());
  };
  const auto before = build(1);
  const auto after = build(2);
  EXPECT_EQ(before.at("a"), after.at("a"));
  EXPECT_NE(before.at("b"), after.at("b"));
  EXPECT_NE(before.at("c"), after.at("c"));
  EXPECT_EQ(before.at("d"), after.at("d"));
  for (const auto& [name, identity] : before) {
    EXPECT_EQ(identity.size(), 32U);
    EXPECT_EQ(identity.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

TEST(JobGraph, IdentityDependsOnVersionKindAndOrderOfInputsButNotOnNamesCostsGroupsManner) {
  const JobGraph plain =
      graph({job("a", {}, {{"value", 1}}), job("b", {}, {{"value", 2}}), job("c", {"a", "b"})});
  Job renamed = job("other", {"b2", "a2"});
  std::swap(renamed.inputs[0], renamed.inputs[1]);
  renamed.group = "group";
  renamed.cost = 17;
  renamed.manner = {{"checkpoint_seconds", 0}};
  const JobGraph other = graph({job("a2", {}, {{"value", 1}}), job("b2", {}, {{"value", 2}}),
                                renamed, job("swapped", {"b2", "a2"})});
  const auto identities = plain.identities(toy::kinds());
  const auto others = other.identities(toy::kinds());
  EXPECT_EQ(identities.at("c"), others.at("other"));
  EXPECT_NE(identities.at("c"), others.at("swapped"));
  EXPECT_NE(identities.at("a"), plain.identities(toy::kinds(2)).at("a"));
}

TEST(JobGraph, IdentityIsStableWhenTheGraphGrows) {
  JobGraph jobs = graph({job("a"), job("b", {"a"})});
  const auto before = jobs.identities(toy::kinds());
  jobs.add(job("c", {"a", "b"}));
  const auto after = jobs.identities(toy::kinds());
  EXPECT_EQ(before.at("a"), after.at("a"));
  EXPECT_EQ(before.at("b"), after.at("b"));
}

TEST(JobGraph, RefusesSpecsThatJsonCannotHold) {
  EXPECT_THAT(
      sentence_of(
          [] {
            graph({job("a", {}, {{"rates", {1.0, std::nan("")}}})}).identities(toy::kinds());
          },
          ErrorCode::kConfig),
      HasSubstr("not finite"));
  EXPECT_THAT(sentence_of(
                  [] {
                    graph({job("a", {}, {{"text", "\xff"}})}).identities(toy::kinds());
                  },
                  ErrorCode::kConfig),
              HasSubstr("'a'"));
}

TEST(JobFolderName, IsReadableSafeAndShort) {
  const std::string identity = "0123456789abcdef0123456789abcdef";
  EXPECT_EQ(job_folder_name(job("transfer/normal+edge2d--depth"), identity),
            "jobs/transfer.normal+edge2d--depth-0123456789ab");
  EXPECT_EQ(job_folder_name(job("../a b\n"), identity), "jobs/_..a_b_-0123456789ab");
  EXPECT_LT(job_folder_name(job(std::string(1000, 'x')), identity).size(), 240U);
}

TEST(WorkerMemory, DropsTheLeastRecentlyUsed) {
  WorkerMemory memory(100);
  int made = 0;
  const auto get = [&](const std::string& key, std::size_t bytes) {
    return std::any_cast<std::string>(memory.get(key, [&] {
      ++made;
      return std::pair<std::any, std::size_t>(key + "!", bytes);
    }));
  };
  EXPECT_EQ(get("a", 40), "a!");
  EXPECT_EQ(get("b", 40), "b!");
  EXPECT_EQ(get("a", 40), "a!");
  EXPECT_EQ(made, 2);
  get("c", 40);  // in place of b
  EXPECT_EQ(made, 3);
  get("a", 40);
  EXPECT_EQ(made, 3);
  get("b", 40);
  EXPECT_EQ(made, 4);
  EXPECT_EQ(get("huge", 1000), "huge!");
  get("b", 40);
  EXPECT_EQ(made, 5);
  get("huge", 1000);
  EXPECT_EQ(made, 6);
}

TEST(WorkerMemory, SurvivesANestedGetOfTheSameKeyAndAThrowingMake) {
  WorkerMemory memory(100);
  const auto inner = [] { return std::pair<std::any, std::size_t>(1, 60); };
  const auto outer = [&] {
    memory.get("key", inner);
    return std::pair<std::any, std::size_t>(2, 60);
  };
  EXPECT_EQ(std::any_cast<int>(memory.get("key", outer)), 2);
  EXPECT_THROW(
      memory.get("other",
                 []() -> std::pair<std::any, std::size_t> { throw std::runtime_error("no"); }),
      std::runtime_error);
  EXPECT_EQ(std::any_cast<int>(memory.get("other", inner)), 1);
}

}  // namespace
}  // namespace affinis::run
