#pragma once

#include <filesystem>

#include <torch/headeronly/version.h>

#include "framework/task/task.h"

namespace affinis::task {

/// The plug-in ABI that this build speaks; raised with every change of task.h, module.h or sample.h.
inline constexpr int kPluginAbi = 2;

/// What a plug-in's one C entry point returns; the strings and the function live as long as the library. `abi` stays first for ever:
/// nothing else is read when it differs.
struct PluginDescription {
  int abi = kPluginAbi;
  const char* affinis_version = "";
  const char* torch_version = "";
  void (*register_tasks)(TaskRegistry& registry) = nullptr;
};

/// Loads a shared library that exports `extern "C" const affinis::task::PluginDescription* affinis_plugin()` and registers its tasks.
/// Throws Error(kUsage) that names the file and the cause: not loadable, no entry point, another ABI or LibTorch (both versions), a
/// taken name, whatever registering throws; nothing of the plug-in stays registered then. A loaded plug-in is never unloaded. What its tasks
/// throw later, of any type, arrives as an Error that names task and plug-in.
void load_plugin(const std::filesystem::path& library, TaskRegistry& registry);

/// Loads every lib*.so in the folders of the environment variable AFFINIS_PLUGIN_PATH (colon-separated), in sorted order.
/// Throws Error(kUsage) naming a folder that is not there, and as load_plugin does.
void load_plugins_from_environment(TaskRegistry& registry);

}  // namespace affinis::task

#ifndef AFFINIS_VERSION
#define AFFINIS_VERSION "unknown"
#endif

/// Makes a shared library a plug-in; write it once, outside every namespace, with a function that takes a TaskRegistry&.
///
///     void register_my_tasks(affinis::task::TaskRegistry& registry) { affinis::task::register_task(registry, ...); }
///     AFFINIS_PLUGIN(register_my_tasks)
#define AFFINIS_PLUGIN(function)                                                                                       \
  extern "C" __attribute__((visibility("default"))) const affinis::task::PluginDescription* affinis_plugin() {         \
    static const affinis::task::PluginDescription description{affinis::task::kPluginAbi, AFFINIS_VERSION, TORCH_VERSION, \
                                                              function};                                               \
    return &description;                                                                                               \
  }
