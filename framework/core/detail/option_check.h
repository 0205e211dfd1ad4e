#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/options.h"

namespace affinis::detail {

/// A value of the field's own type within its bounds and choices, or the sentence that says why not (without the place).
struct CheckedOption {
  std::optional<OptionValue> value;
  std::string problem;
};

/// The check for a value that a file gave with a type.
CheckedOption check_option(const OptionSection& section, const OptionField& field,
                           const nlohmann::json& value);
/// The check for a value that the command line gave as text.
CheckedOption check_option_text(const OptionSection& section, const OptionField& field,
                                std::string_view text);
/// "training.epochs must be an integer, but is a table": for values that no option can have.
std::string wrong_type(const OptionSection& section, const OptionField& field, std::string_view is);

/// Null when the section has no such field.
const OptionField* find_field(const OptionSection& section, std::string_view key);
/// Null when there is no such section. Throws Error(kInternal) when two sections share a name.
const OptionSection* find_section(const std::vector<OptionSection>& sections,
                                  std::string_view name);

/// "training.epochs", or "epochs" in the section "".
std::string option_path(std::string_view section, std::string_view key);
/// The sentence for a key that `section` does not have; the other sections are searched for a better place.
std::string unknown_key(const OptionSection& section, std::string_view key,
                        const std::vector<OptionSection>& all);

/// One message of several problems.
std::string join_problems(const std::vector<std::string>& problems);

/// Shortest text that reads back to the same double, always with a point or an exponent; "inf", "-inf", "nan".
std::string format_real(double value);

}  // namespace affinis::detail
