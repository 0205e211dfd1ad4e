#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/options.h"

namespace {

/// One field of every type that experiment files know.
struct Settings {
  std::int64_t steps = 100;
  double rate = 0.5;
  bool quick = false;
  std::string scale = "desk";
  std::vector<std::string> tasks = {"depth"};

  static const std::vector<affinis::OptionField>& fields() {
    static const std::vector<affinis::OptionField> table = {
        affinis::option("steps", &Settings::steps, "whole number", {.minimum = 1}),
        affinis::option("rate", &Settings::rate, "number", {.minimum = 0, .maximum = 1}),
        affinis::option("quick", &Settings::quick, "yes or no"),
        affinis::option("scale", &Settings::scale, "one of two", {.choices = {"desk", "paper"}}),
        affinis::option("tasks", &Settings::tasks, "names"),
    };
    return table;
  }
};

}  // namespace

/// What the reader of experiment files lets through must read back from its echo.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  Settings settings;
  try {
    parse_toml({reinterpret_cast<const char*>(data), size}, "fuzz.toml", {option_section("training", "a section", settings)});
    Settings again;
    const std::string echo = to_toml({option_section("training", "a section", settings)});
    parse_toml(echo, "echo.toml", {option_section("training", "a section", again)});
    if (to_toml({option_section("training", "a section", again)}) != echo) std::abort();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
  }
  return 0;
}
