#include "framework/core/options.h"

#include <cmath>
#include <set>
#include <type_traits>
#include <utility>

#include "framework/core/detail/option_check.h"
#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

using detail::CheckedOption;
using nlohmann::json;

// JSON has no infinity; the word reads back to it.
json real_to_json(double value) {
  return std::isfinite(value) ? json(value) : json(detail::format_real(value));
}

json value_to_json(const OptionValue& value) {
  return std::visit(
      [](const auto& each) -> json {
        using Value = std::decay_t<decltype(each)>;
        if constexpr (std::is_same_v<Value, double>) {
          return real_to_json(each);
        } else if constexpr (std::is_same_v<Value, std::vector<double>>) {
          json list = json::array();
          for (const double number : each) list.push_back(real_to_json(number));
          return list;
        } else {
          return each;
        }
      },
      value);
}

// The other way round for the words that value_to_json writes; only in fields of numbers, where no other word has a meaning.
json words_to_reals(const OptionValue& type, const json& value) {
  if (std::holds_alternative<double>(type) && value.is_string()) {
    const std::string& word = value.get_ref<const std::string&>();
    if (word == "inf" || word == "-inf" || word == "nan") return *parse_real(word);
  }
  if (std::holds_alternative<std::vector<double>>(type) && value.is_array()) {
    json list = json::array();
    for (const json& each : value) list.push_back(words_to_reals(0.0, each));
    return list;
  }
  return value;
}

std::string at_place(std::string_view where, std::string_view problem) {
  return where.empty() ? std::string(problem) : fmt::format("{}: {}", where, problem);
}

[[noreturn]] void refuse(std::string_view where, std::string_view problem) {
  throw Error(ErrorCode::kUsage, at_place(where, problem));
}

void set_checked(const OptionSection& section, const std::vector<OptionSection>& all,
                 std::string_view key, std::string_view text, std::string_view where) {
  const OptionField* field = detail::find_field(section, key);
  if (field == nullptr) refuse(where, detail::unknown_key(section, key, all));
  const CheckedOption checked = detail::check_option_text(section, *field, text);
  if (!checked.value) refuse(where, checked.problem);
  field->set(section.options, *checked.value);
}

}  // namespace

void set_option(const OptionSection& section, std::string_view key, std::string_view text,
                std::string_view where) {
  set_checked(section, {section}, key, text, where);
}

void apply_override(const std::vector<OptionSection>& sections, std::string_view assignment) {
  const std::string where = fmt::format("--set {}", assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) refuse(where, "there is no '='; write section.key=value");
  const std::string path = trim(assignment.substr(0, equals));
  const std::string_view text = assignment.substr(equals + 1);
  if (path.empty()) refuse(where, "there is no key before the '='; write section.key=value");

  if (const std::size_t dot = path.rfind('.'); dot != std::string::npos) {
    const std::string name = path.substr(0, dot);
    const OptionSection* section = detail::find_section(sections, name);
    if (section == nullptr) {
      std::vector<std::string> names;
      for (const OptionSection& each : sections) names.push_back(each.name);
      const std::string hint = did_you_mean(name, names);
      refuse(where, fmt::format("there is no section '{}'{}", name,
                                hint.empty() ? "; the sections are " + join(names, ", ") : hint));
    }
    return set_checked(*section, sections, path.substr(dot + 1), text, where);
  }

  std::vector<const OptionSection*> having;
  std::vector<std::string> paths;
  std::set<std::string> keys;
  for (const OptionSection& section : sections) {
    for (const OptionField& field : *section.fields) keys.insert(field.name);
    if (detail::find_field(section, path) == nullptr) continue;
    having.push_back(&section);
    paths.push_back(detail::option_path(section.name, path));
  }
  if (having.empty()) {
    const std::string hint = did_you_mean(path, std::vector<std::string>(keys.begin(), keys.end()));
    refuse(where, fmt::format("there is no option '{}'{}", path,
                              hint.empty() ? "; write section.key=value" : hint));
  }
  // A key outside any section has no longer name to tell it by.
  if (having.size() > 1 && !having.front()->name.empty()) {
    refuse(where,
           fmt::format("several sections have '{}'; write one of {}", path, join(paths, ", ")));
  }
  set_checked(*having.front(), sections, path, text, where);
}

json to_json(const OptionSection& section, bool results_only) {
  json result = json::object();
  for (const OptionField& field : *section.fields) {
    if (field.affects_result || !results_only)
      result[field.name] = value_to_json(field.get(section.options));
  }
  return result;
}

json to_json(const std::vector<OptionSection>& sections, bool results_only) {
  json result = json::object();
  for (const OptionSection& section : sections) {
    AFFINIS_ASSERT(!result.contains(section.name));
    json values = to_json(section, results_only);
    // A new section of settings like verbosity must not change what a run is called.
    if (!values.empty() || !results_only) result[section.name] = std::move(values);
  }
  return result;
}

void from_json(const OptionSection& section, const json& values) {
  AFFINIS_CHECK(values.is_object(), ErrorCode::kUsage,
                "the options of '{}' must be a JSON object, but are of type {}", section.name,
                values.type_name());
  std::vector<std::string> problems;
  std::vector<std::pair<const OptionField*, OptionValue>> found;
  for (const auto& [key, value] : values.items()) {
    const OptionField* field = detail::find_field(section, key);
    if (field == nullptr) {
      problems.push_back(detail::unknown_key(section, key, {section}));
      continue;
    }
    CheckedOption checked =
        detail::check_option(section, *field, words_to_reals(field->get(section.options), value));
    if (checked.value) {
      found.emplace_back(field, std::move(*checked.value));
    } else {
      problems.push_back(std::move(checked.problem));
    }
  }
  if (!problems.empty()) throw Error(ErrorCode::kUsage, detail::join_problems(problems));
  for (const auto& [field, value] : found) field->set(section.options, value);
}

std::string options_hash(const std::vector<OptionSection>& sections) {
  return hash128_hex(to_json(sections, true).dump(-1, ' ', false, json::error_handler_t::replace));
}

void validate_options(const OptionSection& section) {
  std::vector<std::string> problems;
  for (const OptionField& field : *section.fields) {
    const json value =
        words_to_reals(field.get(section.options), value_to_json(field.get(section.options)));
    CheckedOption checked = detail::check_option(section, field, value);
    if (!checked.value) problems.push_back(std::move(checked.problem));
  }
  if (!problems.empty()) throw Error(ErrorCode::kUsage, detail::join_problems(problems));
}

}  // namespace affinis
