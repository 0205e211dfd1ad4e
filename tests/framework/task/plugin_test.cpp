#include "framework/task/plugin.h"

#include <cstdlib>
#include <fstream>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/task/check.h"
#include "tests/framework/task/toy_task.h"

namespace affinis::task {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kFixtures = std::filesystem::path(AFFINIS_BINARY_DIR) / "tests" / "plugins";
const std::filesystem::path kExamples = std::filesystem::path(AFFINIS_BINARY_DIR) / "plugins";

/// What loading says; empty when it works.
std::string refusal(const std::filesystem::path& library, TaskRegistry& registry) {
  try {
    load_plugin(library, registry);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Plugin, RefusalsNameTheFileAndTheCause) {
  TaskRegistry registry("task");
  EXPECT_THAT(refusal(kFixtures / "libmissing.so", registry), AllOf(HasSubstr("libmissing.so"), HasSubstr("cannot load")));
  EXPECT_THAT(refusal(kFixtures / "libno_entry_point.so", registry), AllOf(HasSubstr("libno_entry_point.so"), HasSubstr("affinis_plugin")));
  EXPECT_THAT(refusal(kFixtures / "libnull_description.so", registry), HasSubstr("libnull_description.so"));
  EXPECT_THAT(refusal(kFixtures / "libwrong_abi.so", registry),
              AllOf(HasSubstr("libwrong_abi.so"), HasSubstr("ABI 4711"), HasSubstr("ABI " + std::to_string(kPluginAbi))));
  EXPECT_THAT(refusal(kFixtures / "libother_torch.so", registry),
              AllOf(HasSubstr("libother_torch.so"), HasSubstr("1.13.1"), HasSubstr(TORCH_VERSION)));
  EXPECT_THAT(refusal(kFixtures / "libno_register_function.so", registry), HasSubstr("libno_register_function.so"));
  EXPECT_TRUE(registry.names().empty());
}

TEST(Plugin, AFileThatIsNoLibraryIsRefused) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "libtext.so";
  std::ofstream(path) << "not a library";
  TaskRegistry registry("task");
  EXPECT_THAT(refusal(path, registry), HasSubstr("libtext.so"));
}

TEST(Plugin, WhatWasHalfRegisteredIsTakenOutAgain) {
  TaskRegistry registry("task");
  register_task(registry, testing::toy_type("taken"));
  EXPECT_THAT(refusal(kFixtures / "libhalf_registered.so", registry), AllOf(HasSubstr("libhalf_registered.so"), HasSubstr("'taken'")));
  EXPECT_EQ(registry.names(), std::vector<std::string>{"taken"});
  EXPECT_EQ(registry.find("first_alias"), nullptr);
}

TEST(Plugin, TheWorkedExampleIsATaskLikeAnyOther) {
  TaskRegistry registry("task");
  ASSERT_EQ(refusal(kExamples / "libfree_floor.so", registry), "");
  EXPECT_THAT(refusal(kExamples / "libfree_floor.so", registry), HasSubstr("already taken"));
  ASSERT_NE(registry.find("free_floor"), nullptr);

  TaskContext context;
  EXPECT_THROW(registry.get("free_floor")->make(context), Error);
  context.vocabularies["semantic"] = {"uncertain", "wall", "floor"};
  const std::shared_ptr<const Task> task = registry.get("free_floor")->make(context);

  std::vector<data::Sample> samples = testing::red_samples(4);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    data::FieldValue labels = data::make_field_value(data::field_spec("semantic"), 64);
    const auto values = labels.as<std::uint8_t>();
    for (std::size_t pixel = 0; pixel < values.size(); ++pixel) values[pixel] = pixel < 512 * (i + 1) ? 2 : 1;
    samples[i].fields.emplace("semantic", std::move(labels));
  }
  RandomStream stream(1, "example");
  EXPECT_FLOAT_EQ(task->example({&samples[1], 1}, stream).target.item<float>(), 0.25F);
  for (const CheckResult& check : check_task(*task, single_groups(samples))) EXPECT_TRUE(check.passed) << check.name << ": " << check.sentence;
}

/// What calling `function` says.
template <typename Function>
std::string complaint(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Plugin, WhatATaskThrowsNamesTaskPlugInAndFunction) {
  TaskRegistry registry("task");
  const std::filesystem::path library = kFixtures / "libthrows.so";
  ASSERT_EQ(refusal(library, registry), "");
  const std::vector<data::Sample> samples = testing::red_samples(1);
  RandomStream stream(1, "example");
  EXPECT_EQ(complaint([&] { registry.get("throws_in_example")->make({})->example(samples, stream); }),
            fmt::format("task 'throws_in_example' of the plug-in {}: example() throws: no such label; mend the plug-in", library.string()));
  const auto task = registry.get("throws_in_loss")->make({});
  EXPECT_EQ(complaint([&] { task->loss(at::zeros({1, 1}), {at::zeros({1, 3, 64, 64}), at::zeros({1, 1}), {}, {0}, {}}); }),
            fmt::format("task 'throws_in_loss' of the plug-in {}: loss() throws something that is no std::exception; mend the plug-in",
                        library.string()));
}

TEST(Plugin, EveryVirtualFunctionOfATaskReachesThePlugIn) {
  const std::string header = read_file(std::filesystem::path(AFFINIS_SOURCE_DIR) / "framework/task/task.h");
  const std::string guarded = read_file(std::filesystem::path(AFFINIS_SOURCE_DIR) / "framework/task/plugin_task.cpp");
  const std::string contract = header.substr(header.find("class Task {"), header.find("struct TaskType") - header.find("class Task {"));
  const std::regex declared("virtual [^~;]*?(\\w+)\\(");
  std::size_t found = 0;
  for (std::sregex_iterator each(contract.begin(), contract.end(), declared), end; each != end; ++each, ++found) {
    EXPECT_THAT(guarded, HasSubstr("inner_->" + (*each)[1].str() + "(")) << "GuardedTask does not hand this function on";
  }
  EXPECT_GE(found, 10U);
}

TEST(Plugin, FoldersComeFromTheEnvironment) {
  TaskRegistry registry("task");
  setenv("AFFINIS_PLUGIN_PATH", kExamples.c_str(), 1);
  load_plugins_from_environment(registry);
  // Both libraries of the folder.
  EXPECT_TRUE(registry.find("free_floor") != nullptr);
  EXPECT_TRUE(registry.find("cell_depth_1") != nullptr);
  setenv("AFFINIS_PLUGIN_PATH", "no/such/folder", 1);
  EXPECT_THROW(load_plugins_from_environment(registry), Error);
  unsetenv("AFFINIS_PLUGIN_PATH");
  load_plugins_from_environment(registry);
}

}  // namespace
}  // namespace affinis::task
