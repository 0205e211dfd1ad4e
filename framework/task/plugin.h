#pragma once

#include <filesystem>

#include "framework/task/task.h"

namespace affinis::task {

/// The plug-in ABI that this build speaks; raised with every change of task.h, module.h or sample.h.
inline constexpr int kPluginAbi = 1;

/// What a plug-in's one C entry point returns; the strings and the function live as long as the library.
struct PluginDescription {
  int abi = kPluginAbi;
  const char* affinis_version = "";
  const char* torch_version = "";
  void (*register_tasks)(TaskRegistry& registry) = nullptr;
};

/// Loads a shared library that exports `extern "C" const affinis::task::PluginDescription* affinis_plugin()` and registers its tasks.
/// Throws Error(kUsage) that names the file and the cause: not loadable, no entry point, another ABI (both versions), a taken name.
void load_plugin(const std::filesystem::path& library, TaskRegistry& registry);

/// Loads every lib*.so in the folders of the environment variable AFFINIS_PLUGIN_PATH (colon-separated), in sorted order.
void load_plugins_from_environment(TaskRegistry& registry);

}  // namespace affinis::task
