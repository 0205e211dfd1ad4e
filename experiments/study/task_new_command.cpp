#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/plugin_templates.h"
#include "experiments/study/study.h"
#include "experiments/study/task_commands.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"

namespace affinis::experiments {
namespace {

/// A kind of project: its source, and what its README says the task does as it is.
struct Kind {
  const char* source;
  const char* doc;
};

const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> all = {
      {"dense", {kDenseTemplate, "As it is, it predicts the height of every pixel above the floor."}},
      {"classification", {kClassificationTemplate, "As it is, it says which class of things fills most of the view."}},
      {"regression", {kRegressionTemplate, "As it is, it says how far away things are on average, and how far the farthest is."}},
      {"segmentation", {kSegmentationTemplate, "As it is, it says of every pixel whether it shows a wall, the floor, the ceiling or a thing."}},
      {"pair", {kPairTemplate, "As it is, it says which of two views of a room sees farther."}},
      {"triplet", {kTripletTemplate, "As it is, it says how far the camera went between three views of one point."}}};
  return all;
}

struct NewArguments {
  std::string name;
  std::string kind;
  std::string out;
  bool json = false;
};

constexpr std::array<std::string_view, 92> kKeywords = {
    "alignas",   "alignof",      "and",           "and_eq",   "asm",       "auto",         "bitand",    "bitor",        "bool",
    "break",     "case",         "catch",         "char",     "char16_t",  "char32_t",     "char8_t",   "class",        "co_await",
    "co_return", "co_yield",     "compl",         "concept",  "const",     "const_cast",   "consteval", "constexpr",    "constinit",
    "continue",  "decltype",     "default",       "delete",   "do",        "double",       "dynamic_cast", "else",      "enum",
    "explicit",  "export",       "extern",        "false",    "float",     "for",          "friend",    "goto",         "if",
    "inline",    "int",          "long",          "mutable",  "namespace", "new",          "noexcept",  "not",          "not_eq",
    "nullptr",   "operator",     "or",            "or_eq",    "private",   "protected",    "public",    "register",     "reinterpret_cast",
    "requires",  "return",       "short",         "signed",   "sizeof",    "static",       "static_assert", "static_cast", "struct",
    "switch",    "template",     "this",          "thread_local", "throw", "true",         "try",       "typedef",      "typeid",
    "typename",  "union",        "unsigned",      "using",    "virtual",   "void",         "volatile",  "wchar_t",      "while",
    "xor",       "xor_eq"};

/// Targets that CMake makes itself: no library can be called like one.
constexpr std::array<std::string_view, 9> kBuildTargets = {"all",     "clean",   "edit_cache", "help", "install",
                                                           "package", "rebuild_cache", "test", "uninstall"};

template <std::size_t count>
bool holds(const std::array<std::string_view, count>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void require_name(const std::string& name) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto follows = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  AFFINIS_CHECK(!name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), follows) && !name.ends_with('_') &&
                    name.find("__") == std::string::npos,
                ErrorCode::kUsage,
                "'{}' cannot name a task; take letters, digits and single underscores, a letter first, as in free_floor", name);
  AFFINIS_CHECK(!holds(kKeywords, name), ErrorCode::kUsage, "'{}' is a word of C++ and cannot name a task; take another name", name);
  AFFINIS_CHECK(!holds(kBuildTargets, name), ErrorCode::kUsage, "'{}' is a word of CMake and cannot name a task; take another name", name);
  if (const auto taken = load_tasks({})->find(name)) {
    fail(ErrorCode::kUsage, "there is a task named '{}' already{}; take another name", name,
         taken->info.name == name ? "" : fmt::format(" (an alias of {})", taken->info.name));
  }
}

/// The words of the name, each with a capital: "FreeFloor" or "Free Floor".
std::string capitalised(const std::string& name, std::string_view between) {
  std::string result;
  bool begins = true;
  for (const char c : name) {
    if (c == '_') {
      begins = true;
      continue;
    }
    if (begins && !result.empty()) result += between;
    result += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = false;
  }
  return result;
}

std::string replaced(std::string text, const std::vector<std::pair<std::string, std::string>>& words) {
  for (const auto& [word, by] : words) {
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) text.replace(at, word.size(), by);
  }
  return text;
}

/// What tells CMake where this program's package is: beside the program in a build folder, below the prefix of an installed one.
std::string package_option() {
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  if (std::filesystem::exists(folder / "AffinisConfig.cmake")) return fmt::format("-DAffinis_DIR={}", folder.string());
  return fmt::format("-DCMAKE_PREFIX_PATH={}", folder.parent_path().string());
}

/// Writes all files or none.
void write_project(const std::filesystem::path& folder, const std::map<std::string, std::string>& files) {
  std::error_code unreadable;
  const bool was_there = std::filesystem::exists(folder, unreadable);
  AFFINIS_CHECK(!was_there || std::filesystem::is_directory(folder, unreadable), ErrorCode::kUsage,
                "{} is a file; name another folder with --out", folder.string());
  AFFINIS_CHECK(!was_there || std::filesystem::is_empty(folder, unreadable), ErrorCode::kUsage,
                "{} is not empty; name another folder with --out, or remove what is in it", folder.string());
  make_folder(folder);
  std::vector<std::filesystem::path> written;
  try {
    for (const auto& [name, text] : files) {
      written.push_back(folder / name);
      write_file_atomically(written.back(), text);
    }
  } catch (const Error&) {
    std::error_code ignored;
    for (const std::filesystem::path& path : written) std::filesystem::remove(path, ignored);
    if (!was_there) std::filesystem::remove(folder, ignored);
    throw;
  }
}

void new_task(const NewArguments& arguments) {
  const std::string& name = arguments.name;
  require_name(name);
  const Kind& kind = kinds().at(arguments.kind);
  const std::filesystem::path folder = arguments.out.empty() ? std::filesystem::path(name) : std::filesystem::path(arguments.out);
  const std::string option = package_option();
  // A name that holds one of the words must not be replaced again: the longest word that contains others goes first.
  const auto fill = [&](const char* text) {
    return replaced(text, {{"new_task", "@NAME@"}, {"NewTask", capitalised(name, "")}, {"New Task", capitalised(name, " ")},
                           {"@DOC@", kind.doc}, {"@AFFINIS_OPTION@", option}, {"@NAME@", name}});
  };
  const std::map<std::string, std::string> files = {
      {"CMakeLists.txt", fill(kProjectTemplate)}, {"README.md", fill(kReadmeTemplate)}, {name + ".cpp", fill(kind.source)}};
  write_project(folder, files);

  const std::string build = (folder / "build").string();
  if (arguments.json) {
    nlohmann::json names = nlohmann::json::array();
    for (const auto& [file, text] : files) names.push_back(file);
    print_json({{"name", name},
                {"kind", arguments.kind},
                {"folder", std::filesystem::absolute(folder).lexically_normal().string()},
                {"files", names},
                {"cmake_option", option}});
    return;
  }
  fmt::print("{} is a plug-in that works as it is; edit {} between its two marks.\n\n  cmake -S {} -B {} {}\n  cmake --build {}\n  ctest "
             "--test-dir {} --output-on-failure\n",
             folder.string(), (folder / (name + ".cpp")).string(), folder.string(), build, option, build, build);
}

}  // namespace

void add_new_task_command(CLI::App& tasks) {
  CLI::App* command = tasks.add_subcommand("new", "Write a plug-in project (CMake, one source, README, test) that works as it is");
  const auto arguments = std::make_shared<NewArguments>();
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds()) names.push_back(name);
  command->add_option("NAME", arguments->name, "name of the task: letters, digits and underscores")->required();
  command
      ->add_option("--kind", arguments->kind,
                   "what is predicted: a value a pixel (dense), a class a pixel (segmentation), a class an image (classification), numbers "
                   "(regression), a class of two views (pair), numbers of three views or more (triplet)")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("--out", arguments->out, "the project's folder, empty or not there yet (default: NAME)");
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->callback([arguments] { new_task(*arguments); });
}

}  // namespace affinis::experiments
