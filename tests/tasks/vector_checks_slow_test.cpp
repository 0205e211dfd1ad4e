#include <gtest/gtest.h>

#include "framework/task/check.h"
#include "tasks/builtin.h"
#include "tests/tasks/vector_samples.h"

namespace affinis::tasks {
namespace {

struct Case {
  const char* name;
  bool paper_compatible = false;
  bool soft_labels = false;
};

class VectorTaskCheck : public ::testing::TestWithParam<Case> {};

TEST_P(VectorTaskCheck, Passes) {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  task::TaskContext context = testing::vector_context(64);
  context.paper_compatible = GetParam().paper_compatible;
  context.soft_labels = GetParam().soft_labels;
  const auto task = registry.get(GetParam().name)->make(context);
  for (const task::CheckResult& each : task::check_task(*task, testing::make_groups(64, 4, task->info().sample_count()))) {
    EXPECT_TRUE(each.passed) << each.name << ": " << each.sentence;
    RecordProperty(each.name, each.sentence);
  }
}

// Not ego_motion with the paper's constants: a step of one is ten radians there, and the composed pose turns wild before it settles.
INSTANTIATE_TEST_SUITE_P(Vector, VectorTaskCheck,
                         ::testing::Values(Case{"class_places"}, Case{"class_places", false, true}, Case{"class_1000"},
                                           Case{"class_1000", false, true}, Case{"room_layout"}, Case{"vanishing_point"}, Case{"fix_pose"},
                                           Case{"fix_pose", true}, Case{"non_fixated_pose"}, Case{"non_fixated_pose", true},
                                           Case{"ego_motion"}, Case{"point_match"}, Case{"jigsaw"}, Case{"random"}),
                         [](const auto& named) {
                           return std::string(named.param.name) + (named.param.paper_compatible ? "_paper" : "") +
                                  (named.param.soft_labels ? "_soft" : "");
                         });

}  // namespace
}  // namespace affinis::tasks
