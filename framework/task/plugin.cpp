#include "framework/task/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/task/plugin_task.h"
#include "framework/task/plugin_tool_kit.h"

namespace affinis::task {
namespace {

constexpr const char* kEntryPoint = "affinis_plugin";
constexpr const char* kPathVariable = "AFFINIS_PLUGIN_PATH";

/// A library that is closed again unless it is kept.
class Library {
 public:
  explicit Library(const std::filesystem::path& path) : path_(path) {
    // dlopen takes a name without a slash from the system's folders, not from here.
    handle_ = dlopen(std::filesystem::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      const char* cause = dlerror();
      fail(ErrorCode::kUsage, "cannot load the plug-in {}: {}; build it against this Affinis and LibTorch", path.string(),
           cause == nullptr ? "unknown cause" : cause);
    }
  }
  ~Library() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  void* symbol(const char* name) const { return dlsym(handle_, name); }
  void keep() { handle_ = nullptr; }

 private:
  std::filesystem::path path_;
  void* handle_ = nullptr;
};

const PluginDescription& describe(const Library& library, const std::string& file) {
  using EntryPoint = const PluginDescription* (*)();
  const auto entry = reinterpret_cast<EntryPoint>(library.symbol(kEntryPoint));
  AFFINIS_CHECK(entry != nullptr, ErrorCode::kUsage, "{} is no plug-in: it does not export {}(); add AFFINIS_PLUGIN(...) to its source",
                file, kEntryPoint);
  const PluginDescription* description = entry();
  AFFINIS_CHECK(description != nullptr, ErrorCode::kUsage, "the plug-in {} gives no description of itself; {}() must not return null", file,
                kEntryPoint);
  AFFINIS_CHECK(description->abi == kPluginAbi, ErrorCode::kUsage,
                "the plug-in {} was built for plug-in ABI {}, this program speaks ABI {}; build it again with this version's headers", file,
                description->abi, kPluginAbi);
  const std::string torch = description->torch_version == nullptr ? "" : description->torch_version;
  AFFINIS_CHECK(torch == TORCH_VERSION, ErrorCode::kUsage,
                "the plug-in {} was built with LibTorch '{}', this program with {}; build it again with the program's LibTorch", file, torch,
                TORCH_VERSION);
  AFFINIS_CHECK(description->register_tasks != nullptr, ErrorCode::kUsage,
                "the plug-in {} has no function that registers tasks; fill PluginDescription::register_tasks", file);
  return *description;
}

/// What registering threw, as text: the exception itself may be of a type that goes with the library.
std::optional<std::string> try_register(const PluginDescription& description, TaskRegistry& registry) {
  try {
    description.register_tasks(registry);
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of unknown type";
  }
  return std::nullopt;
}

}  // namespace

void load_plugin(const std::filesystem::path& library, TaskRegistry& registry) {
  keep_plugin_tool_kit();
  const std::string file = library.string();
  Library loaded(library);
  const PluginDescription& description = describe(loaded, file);
  std::set<std::string> old;
  for (const std::string& name : registry.names()) old.insert(name);
  if (const std::optional<std::string> cause = try_register(description, registry)) {
    for (const std::string& name : registry.names()) {
      if (!old.contains(name)) registry.remove(name);
    }
    fail(ErrorCode::kUsage, "the plug-in {} was not loaded: {}", file, *cause);
  }
  for (const std::string& name : registry.names()) {
    if (old.contains(name)) continue;
    const std::shared_ptr<TaskType> type = registry.get(name);
    *type = contain(std::move(*type), file);
  }
  // Tasks, their heads and tensors' deleters point into the library for as long as the program runs.
  loaded.keep();
}

void load_plugins_from_environment(TaskRegistry& registry) {
  const char* folders = std::getenv(kPathVariable);
  if (folders == nullptr) return;
  for (const std::string& folder : split(folders, ':')) {
    if (folder.empty()) continue;
    AFFINIS_CHECK(std::filesystem::is_directory(folder), ErrorCode::kUsage,
                  "{} names '{}', which is no folder; take it out or create it", kPathVariable, folder);
    std::vector<std::filesystem::path> libraries;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("lib") && name.ends_with(".so")) libraries.push_back(entry.path());
    }
    std::sort(libraries.begin(), libraries.end());
    for (const std::filesystem::path& library : libraries) load_plugin(library, registry);
  }
}

}  // namespace affinis::task
