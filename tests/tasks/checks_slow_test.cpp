#include <gtest/gtest.h>

#include "framework/task/check.h"
#include "tasks/builtin.h"
#include "tests/tasks/samples.h"

namespace affinis::tasks {
namespace {

class BuiltinTaskTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BuiltinTaskTest, PassesEveryCheck) {
  task::TaskRegistry registry("task");
  register_builtin_tasks(registry);
  const auto task = registry.get(GetParam())->make(testing::context_of(64));
  for (const task::CheckResult& each : task::check_task(*task, task::single_groups(testing::make_samples(64, 4)))) {
    EXPECT_TRUE(each.passed) << each.name << ": " << each.sentence;
    RecordProperty(each.name, each.sentence);
  }
}

INSTANTIATE_TEST_SUITE_P(Builtin, BuiltinTaskTest,
                         ::testing::Values("autoencoder", "denoise", "inpainting_whole", "colorization", "edge2d", "edge3d", "keypoint2d",
                                           "keypoint3d", "rgb2depth", "rgb2mist", "rgb2sfnorm", "curvature", "reshade", "segment2d",
                                           "segment25d", "segmentsemantic", "class_places"),
                         [](const auto& named) { return std::string(named.param); });

}  // namespace
}  // namespace affinis::tasks
