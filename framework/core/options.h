#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace affinis {

/// The types that an option can have.
using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                                 std::vector<std::int64_t>, std::vector<double>>;

/// One field of an options struct, described once: the only source for TOML, command line, help, reference, echo and hash.
struct OptionField {
  std::string name;  ///< snake_case, as in TOML; the command line's --name has hyphens
  std::string doc;   ///< one sentence, with the unit
  double minimum = -std::numeric_limits<double>::infinity();  ///< for numbers and lists of numbers, inclusive
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;  ///< for strings and lists of strings; empty: anything
  bool affects_result = true;        ///< false: left out of the hash (device, verbosity, ...)

  std::function<OptionValue(const void* options)> get;
  std::function<void(void* options, const OptionValue& value)> set;
};

/// Bounds, choices and hash membership of a field; use with designated initialisers.
struct OptionLimits {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};
  bool affects_result = true;
};

/// Describes the member `member` of Options.
///
///     struct TrainerOptions {
///       double learning_rate = 1e-3;
///       static const std::vector<OptionField>& fields() {
///         static const std::vector<OptionField> table = {
///             option("learning_rate", &TrainerOptions::learning_rate, "Adam's step size", {.minimum = 0}),
///         };
///         return table;
///       }
///     };
template <typename Options, typename Value>
OptionField option(std::string name, Value Options::*member, std::string doc, OptionLimits limits = {}) {
  OptionField field{std::move(name), std::move(doc), limits.minimum, limits.maximum, std::move(limits.choices),
                    limits.affects_result, {}, {}};
  field.get = [member](const void* options) -> OptionValue { return static_cast<const Options*>(options)->*member; };
  field.set = [member](void* options, const OptionValue& value) { static_cast<Options*>(options)->*member = std::get<Value>(value); };
  return field;
}

/// One options struct under a section name of the experiment file ("training").
struct OptionSection {
  std::string name;
  std::string doc;
  const std::vector<OptionField>* fields = nullptr;
  void* options = nullptr;
};

template <typename Options>
OptionSection option_section(std::string name, std::string doc, Options& options) {
  return {std::move(name), std::move(doc), &Options::fields(), &options};
}

/// Sets one field from text ("0.01", "true", "a,b", "[1,2]"). Throws Error(kUsage): unknown name with the nearest, wrong type, out of
/// bounds, not among the choices; `where` goes into the sentence ("--set", "experiment.toml line 12").
void set_option(const OptionSection& section, std::string_view key, std::string_view text, std::string_view where);

/// Applies "section.key=value" (or "key=value" when only one section has that key). Throws Error(kUsage).
void apply_override(const std::vector<OptionSection>& sections, std::string_view assignment);

/// Reads a TOML file into the sections; keys at the top level go to the section named "". Unknown sections and keys are errors with
/// file, line and nearest name; all problems are reported in one Error(kConfig), not just the first.
void load_toml(const std::filesystem::path& path, const std::vector<OptionSection>& sections);
/// As above from text; `name` stands for the file in sentences.
void parse_toml(std::string_view text, const std::string& name, const std::vector<OptionSection>& sections);

/// Every setting as TOML, each with its doc as a comment: the echo in a run's folder. Reading it gives the same options.
std::string to_toml(const std::vector<OptionSection>& sections);
/// {"section": {"key": value}}; with `results_only` just the fields that affect results (what hash and job identities use).
nlohmann::json to_json(const std::vector<OptionSection>& sections, bool results_only = false);
nlohmann::json to_json(const OptionSection& section, bool results_only = false);
/// Sets every field named in `values`; throws Error(kUsage) on unknown keys and wrong types.
void from_json(const OptionSection& section, const nlohmann::json& values);
/// 32 hexadecimal digits over to_json(..., true).
std::string options_hash(const std::vector<OptionSection>& sections);

/// Reference documentation, one table a section: name, type, default, bounds or choices, doc.
std::string options_markdown(const std::vector<OptionSection>& sections);

/// "integer", "list of strings", ... of a value.
const char* option_type_name(const OptionValue& value);
/// The value as TOML would write it.
std::string format_option(const OptionValue& value);

/// Throws Error(kUsage) naming every field of the section that is out of bounds or not among its choices.
void validate_options(const OptionSection& section);

}  // namespace affinis
