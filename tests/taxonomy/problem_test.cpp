#include "taxonomy/problem.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "tests/taxonomy/published.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TransferTable table_of(const std::string& rows) {
  return parse_transfer_table("sources,target,order,affinity,gain,quality\n" + rows, "table.csv");
}

struct Failure {
  ErrorCode code;
  std::string sentence;
};

Failure failure_of(const TransferTable& table, const ProblemOptions& options) {
  try {
    make_problem(table, options);
  } catch (const Error& error) {
    return {error.code(), error.sentence()};
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Problem, SelfNeedsTheTargetAsASource) {
  const Problem problem = make_problem(table_of("self,a,1,.5,,\nb,a,1,.25,,\n"), {});
  EXPECT_THAT(problem.sources, ElementsAre("a", "b"));
  EXPECT_THAT(problem.targets, ElementsAre("a"));
  ASSERT_EQ(problem.edges.size(), 2U);
  EXPECT_TRUE(problem.edges[0].self);
  EXPECT_THAT(problem.edges[0].sources, ElementsAre(0));
}

TEST(Problem, OntoItselfCountsOnlyWithoutSelf) {
  EXPECT_EQ(make_problem(table_of("self,a,1,.5,,\na,a,1,.9,,\n"), {}).edges.size(), 1U);
  const Problem problem = make_problem(table_of("a,a,1,.9,,\n"), {});
  ASSERT_EQ(problem.edges.size(), 1U);
  EXPECT_FALSE(problem.edges[0].self);
  EXPECT_THAT(problem.edges[0].sources, ElementsAre(0));
}

TEST(Problem, RolesDecideWhatMayBeASourceOrATarget) {
  const TransferTable table = table_of("self,a,1,.5,,\nb,a,1,.4,,\nself,b,1,.5,,\na,b,1,.3,,\na+b,c,2,.3,,\na,c,1,.2,,\n");
  ProblemOptions options;
  options.max_order = 2;
  options.source_only = {"b"};
  const Problem sources = make_problem(table, options);
  EXPECT_THAT(sources.targets, ElementsAre("a", "c"));
  EXPECT_THAT(sources.sources, ElementsAre("a", "b"));
  options.source_only = {};
  options.target_only = {"b"};
  const Problem targets = make_problem(table, options);
  EXPECT_THAT(targets.targets, ElementsAre("a", "b", "c"));
  EXPECT_THAT(targets.sources, ElementsAre("a"));
  EXPECT_EQ(targets.edges.size(), 3U);
  options.target_only = {};
  options.exclude = {"b"};
  const Problem excluded = make_problem(table, options);
  EXPECT_THAT(excluded.targets, ElementsAre("a", "c"));
  EXPECT_THAT(excluded.sources, ElementsAre("a"));
}

TEST(Problem, ValuesAreImportanceTimesObjectiveAndMissingOnesAreNoEdge) {
  ProblemOptions options;
  options.objective = Objective::kQuality;
  options.importances = {{"a", 3}};
  const Problem problem = make_problem(table_of("b,a,1,.5,.6,.7\nc,a,1,.5,.6,\n"), options);
  ASSERT_EQ(problem.edges.size(), 1U);
  EXPECT_DOUBLE_EQ(problem.edges[0].value, 3 * 0.7);
  EXPECT_DOUBLE_EQ(problem.edges[0].affinity, 0.5);
}

TEST(Problem, AMixWeighsMeasuresAndNeedsOnlyThoseItWeighs) {
  const TransferTable table = table_of("b,a,1,.5,.6,\nc,a,1,.5,,.7\n");
  ProblemOptions options;
  options.mix = parse_objective_mix("affinity:0.25, gain:2");
  options.importances = {{"a", 3}};
  const Problem problem = make_problem(table, options);
  ASSERT_EQ(problem.edges.size(), 1U);
  EXPECT_DOUBLE_EQ(problem.edges[0].value, 3 * (0.25 * 0.5 + 2 * 0.6));
  EXPECT_EQ(objective_text(problem), "affinity:0.25,gain:2");
  options.mix = parse_objective_mix("quality:1,affinity:1");
  EXPECT_EQ(make_problem(table, options).edges.size(), 1U);
  EXPECT_EQ(objective_text(make_problem(table, {})), "affinity");
}

TEST(Problem, BadMixesAreUsageErrors) {
  const auto sentence_of = [](const char* text) -> std::string {
    try {
      parse_objective_mix(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.sentence();
    }
    return "no error";
  };
  EXPECT_THAT(sentence_of("affinity:1,loss:1"), HasSubstr("there is no objective 'loss'"));
  EXPECT_THAT(sentence_of("affinity:1,affinity:2"), HasSubstr("names affinity twice"));
  EXPECT_THAT(sentence_of("affinity:-1,gain:1"), HasSubstr("at least 0 behind affinity"));
  EXPECT_THAT(sentence_of("affinity,gain:1"), HasSubstr("behind affinity, as in affinity:0.5"));
  EXPECT_THAT(sentence_of("affinity:nan,gain:1"), HasSubstr("finite number"));
  EXPECT_THAT(sentence_of("affinity:inf,gain:1"), HasSubstr("finite number"));
  EXPECT_THAT(sentence_of("gain:0"), HasSubstr("weighs nothing"));
  EXPECT_THAT(sentence_of(":1"), HasSubstr("there is no objective ''"));
}

TEST(Problem, ForcedAndForbiddenSources) {
  const TransferTable table = table_of("self,a,1,.5,,\nb,a,1,.4,,\nself,b,1,.5,,\na,b,1,.3,,\na,c,1,.2,,\n");
  ProblemOptions options;
  options.forbid = {"b"};
  options.force = {"c", "a"};
  const Problem problem = make_problem(table, options);
  EXPECT_THAT(problem.targets, ElementsAre("a", "b", "c"));
  EXPECT_THAT(problem.sources, ElementsAre("a", "c"));  // c, which no transfer needs, is paid for all the same
  EXPECT_THAT(problem.forced, ElementsAre(0, 1));
  EXPECT_THAT(to_lp(problem), HasSubstr("force1: y1 = 1"));
  options.forbid = {"a"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("the task 'a' is forced, but also excluded, forbidden or target-only"));
  options.force = {};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("nothing can serve the target 'c': 1 row(s) need a task that is excluded, "
                                                             "forbidden or target-only (allow a)"));
  options.forbid = {"x"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("forbid: there is no task 'x'"));
  options.forbid = {};
  options.force = {"x"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("force: there is no task 'x'"));
}

TEST(Problem, DoesNotDependOnTheOrderOfRows) {
  const std::string rows[] = {"self,a,1,.5,,\n", "c+b,a,2,.25,,\n", "b,a,1,.25,,\n", "a,b,1,.1,,\n"};
  ProblemOptions options;
  options.max_order = 2;
  const Problem one = make_problem(table_of(rows[0] + rows[1] + rows[2] + rows[3]), options);
  const Problem two = make_problem(table_of(rows[3] + rows[2] + rows[1] + rows[0]), options);
  EXPECT_EQ(to_lp(one), to_lp(two));
}

TEST(Problem, BadOptionsAreUsageErrors) {
  const TransferTable table = table_of("self,depth,1,.5,,\nnormal,depth,1,.5,,\n");
  ProblemOptions options;
  options.budget = -1;
  EXPECT_EQ(failure_of(table, options).code, ErrorCode::kUsage);
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("the budget is -1"));
  options = {};
  options.max_order = 0;
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("the maximum order is 0"));
  options = {};
  options.exclude = {"dept"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("exclude: there is no task 'dept' in table.csv, did you mean 'depth'?"));
  options = {};
  options.costs = {{"norma", 1}};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("'normal'"));
  options.costs = {{"normal", -2}};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("the cost of 'normal' is -2"));
  options = {};
  options.source_only = {"depth"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("no target is left"));
  options.target_only = {"depth"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("both source-only and target-only"));
}

TEST(Problem, SaysWhyNothingServesATarget) {
  const TransferTable table = table_of("a+b,c,2,.5,,\nd,c,1,,0.5,\na,b,1,.5,,\n");
  ProblemOptions options;
  const Failure high = failure_of(table, options);
  EXPECT_EQ(high.code, ErrorCode::kData);
  EXPECT_THAT(high.sentence, HasSubstr("nothing can serve the target 'c': its transfers start at order 2 (raise the maximum order, now 1), "
                                       "1 row(s) have no affinity"));
  options.max_order = 2;
  EXPECT_NO_THROW(make_problem(table, options));
  options.target_only = {"a"};
  EXPECT_THAT(failure_of(table, options).sentence, HasSubstr("'b': 1 row(s) need a task that is excluded, forbidden or target-only (allow a)"));
}

TEST(Problem, PublishedTableHasTheKnownNumberOfEdges) {
  if (!std::filesystem::exists(published_file("transfers_1k.csv"))) GTEST_SKIP() << "the published table is not there";
  const TransferTable table = read_transfer_table(published_file("transfers_1k.csv"));
  const std::size_t expected[] = {572, 784, 1004, 1334};
  for (std::int64_t order = 1; order <= 4; ++order) {
    ProblemOptions options;
    options.exclude = {"class_selected"};
    options.max_order = order;
    const Problem problem = make_problem(table, options);
    EXPECT_EQ(problem.sources.size(), 26U);
    EXPECT_EQ(problem.targets.size(), 22U);
    EXPECT_EQ(problem.edges.size(), expected[order - 1]) << "order " << order;
  }
}

TEST(TaskValues, AreReadAndChecked) {
  TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "costs.csv";
  const auto sentence_of = [&](const std::string& text) -> std::string {
    write_file_atomically(path, std::string_view(text));
    try {
      read_task_values(path, "cost");
    } catch (const Error& error) {
      return error.sentence();
    }
    return "no error";
  };
  EXPECT_EQ(sentence_of("task,cost\na,1.5\nb,0\n"), "no error");
  EXPECT_EQ(read_task_values(path, "cost").at("a"), 1.5);
  EXPECT_THAT(sentence_of("task,price\na,1\n"), HasSubstr("costs.csv line 1: the column 'cost' is missing"));
  EXPECT_THAT(sentence_of("task,cost\na,-1\n"), HasSubstr("line 2: the cost of 'a' is -1"));
  EXPECT_THAT(sentence_of("task,cost\na,\n"), HasSubstr("line 2: the cost of 'a' is empty"));
  EXPECT_THAT(sentence_of("task,cost\na,1\na,1\n"), HasSubstr("line 3: the task 'a' stands there twice"));
}

}  // namespace
}  // namespace affinis::taxonomy
