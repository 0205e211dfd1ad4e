#include "framework/core/detail/option_check.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis {
namespace detail {
namespace {

using nlohmann::json;

std::optional<bool> convert(const json& value, const bool&) {
  return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

std::optional<std::int64_t> convert(const json& value, const std::int64_t&) {
  if (!value.is_number_integer()) return std::nullopt;
  // Stored unsigned when above the largest signed one, and get() would wrap.
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > kLargest) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<double> convert(const json& value, const double&) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<std::string> convert(const json& value, const std::string&) {
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

template <typename Item>
std::optional<std::vector<Item>> convert(const json& value, const std::vector<Item>&) {
  if (!value.is_array()) return std::nullopt;
  std::vector<Item> result;
  for (const json& each : value) {
    std::optional<Item> item = convert(each, Item());
    if (!item) return std::nullopt;
    result.push_back(std::move(*item));
  }
  return result;
}

std::optional<bool> read_text(std::string_view text, const bool&) {
  const std::string word = trim(text);
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> read_text(std::string_view text, const std::int64_t&) {
  return parse_integer(text);
}
std::optional<double> read_text(std::string_view text, const double&) { return parse_real(text); }

// `at` is behind the opening quote and is moved behind the closing one; false when that is missing.
bool read_quoted(std::string_view text, std::size_t& at, std::string& result) {
  for (; at < text.size(); ++at) {
    if (text[at] == '"') {
      ++at;
      return true;
    }
    if (text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\'))
      ++at;
    result += text[at];
  }
  return false;
}

// Plain text stands for itself; in quotes it may hold blanks at its ends.
std::optional<std::string> read_text(std::string_view text, const std::string&) {
  const std::string word = trim(text);
  if (word.size() < 2 || word.front() != '"') return word;
  std::string result;
  std::size_t at = 1;
  if (!read_quoted(word, at, result) || at != word.size()) return std::nullopt;
  return result;
}

// "a,b" or "[a, b]"; commas within quotes belong to their item.
template <typename Item>
std::optional<std::vector<Item>> read_text(std::string_view text, const std::vector<Item>&) {
  const std::string kept = trim(text);
  std::string_view rest = kept;
  if (rest.starts_with('[')) {
    if (!rest.ends_with(']')) return std::nullopt;
    rest = rest.substr(1, rest.size() - 2);
  }
  std::vector<Item> result;
  if (trim(rest).empty()) return result;
  std::size_t start = 0;
  for (std::size_t at = 0;;) {
    if (at < rest.size() && rest[at] == '"') {
      std::string ignored;
      ++at;
      if (!read_quoted(rest, at, ignored)) return std::nullopt;
      continue;
    }
    if (at < rest.size() && rest[at] != ',') {
      ++at;
      continue;
    }
    const std::string_view part = rest.substr(start, at - start);
    std::optional<Item> item = read_text(part, Item());
    if (!item || trim(part).empty()) return std::nullopt;
    result.push_back(std::move(*item));
    if (at == rest.size()) return result;
    start = ++at;
  }
}

std::string shortened(std::string text) {
  constexpr std::size_t kMost = 80;
  if (text.size() <= kMost) return text;
  return text.substr(0, kMost) + "...";
}

std::string describe(const json& value) {
  if (value.is_number_float()) return format_real(value.get<double>());
  if (value.is_object()) return "a table";
  if (value.is_array()) {
    std::string list;
    for (const json& each : value) list += (list.empty() ? "" : ", ") + describe(each);
    return shortened("[" + list + "]");
  }
  return shortened(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string with_article(const OptionValue& type) {
  if (std::holds_alternative<bool>(type)) return "true or false";
  const std::string name = option_type_name(type);
  return (name[0] == 'i' ? "an " : "a ") + name;
}

std::string bound_text(double bound) {
  // Bounds of integers are stored as doubles; people read "1", not "1.0".
  const std::string text = format_real(bound);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string bounds_text(const OptionField& field) {
  const bool low = std::isfinite(field.minimum);
  const bool high = std::isfinite(field.maximum);
  if (low && high)
    return fmt::format("between {} and {}", bound_text(field.minimum), bound_text(field.maximum));
  if (low) return "at least " + bound_text(field.minimum);
  if (high) return "at most " + bound_text(field.maximum);
  return "a number";
}

// NaN is within no bounds, not even infinite ones: no option has a meaning for it.
bool within(const OptionField& field, double number) {
  return number >= field.minimum && number <= field.maximum;
}

bool among(const OptionField& field, const std::string& text) {
  if (field.choices.empty()) return true;
  for (const std::string& choice : field.choices) {
    if (choice == text) return true;
  }
  return false;
}

std::string not_among(const OptionField& field, const std::string& text) {
  return fmt::format("one of {}, but is '{}'{}", join(field.choices, ", "), shortened(text),
                     did_you_mean(text, field.choices));
}

std::string limits_problem(const std::string& path, const OptionField& field,
                           const OptionValue& value) {
  return std::visit(
      [&](const auto& each) -> std::string {
        using Value = std::decay_t<decltype(each)>;
        if constexpr (std::is_same_v<Value, std::int64_t> || std::is_same_v<Value, double>) {
          if (within(field, static_cast<double>(each))) return {};
          return fmt::format("{} must be {}, but is {}", path, bounds_text(field),
                             format_option(value));
        } else if constexpr (std::is_same_v<Value, std::string>) {
          return among(field, each) ? std::string()
                                    : fmt::format("{} must be {}", path, not_among(field, each));
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          for (const std::string& item : each) {
            if (!among(field, item))
              return fmt::format("each item of {} must be {}", path, not_among(field, item));
          }
          return {};
        } else if constexpr (std::is_same_v<Value, bool>) {
          return {};
        } else {
          for (const auto& item : each) {
            if (within(field, static_cast<double>(item))) continue;
            return fmt::format("each item of {} must be {}, but one is {}", path,
                               bounds_text(field), format_option(item));
          }
          return {};
        }
      },
      value);
}

CheckedOption check_limits(const OptionSection& section, const OptionField& field,
                           OptionValue value) {
  std::string problem = limits_problem(option_path(section.name, field.name), field, value);
  if (!problem.empty()) return {std::nullopt, std::move(problem)};
  return {std::move(value), {}};
}

}  // namespace

std::string wrong_type(const OptionSection& section, const OptionField& field,
                       std::string_view is) {
  return fmt::format("{} must be {}, but is {}", option_path(section.name, field.name),
                     with_article(field.get(section.options)), is);
}

CheckedOption check_option(const OptionSection& section, const OptionField& field,
                           const json& value) {
  return std::visit(
      [&](const auto& type) -> CheckedOption {
        auto converted = convert(value, type);
        if (!converted) return {std::nullopt, wrong_type(section, field, describe(value))};
        return check_limits(section, field, std::move(*converted));
      },
      field.get(section.options));
}

CheckedOption check_option_text(const OptionSection& section, const OptionField& field,
                                std::string_view text) {
  return std::visit(
      [&](const auto& type) -> CheckedOption {
        auto converted = read_text(text, type);
        if (!converted)
          return {std::nullopt,
                  wrong_type(section, field, "'" + shortened(std::string(text)) + "'")};
        return check_limits(section, field, std::move(*converted));
      },
      field.get(section.options));
}

const OptionField* find_field(const OptionSection& section, std::string_view key) {
  for (const OptionField& field : *section.fields) {
    if (field.name == key) return &field;
  }
  return nullptr;
}

const OptionSection* find_section(const std::vector<OptionSection>& sections,
                                  std::string_view name) {
  const OptionSection* found = nullptr;
  for (const OptionSection& section : sections) {
    if (section.name != name) continue;
    AFFINIS_ASSERT(found == nullptr);
    found = &section;
  }
  return found;
}

std::string option_path(std::string_view section, std::string_view key) {
  return section.empty() ? std::string(key) : fmt::format("{}.{}", section, key);
}

std::string unknown_key(const OptionSection& section, std::string_view key,
                        const std::vector<OptionSection>& all) {
  std::vector<std::string> names;
  for (const OptionField& field : *section.fields) names.push_back(field.name);
  std::string hint = did_you_mean(key, names);
  if (hint.empty()) {
    for (const OptionSection& other : all) {
      if (find_field(other, key) == nullptr) continue;
      hint = other.name.empty() ? "; it belongs above the first section"
                                : fmt::format("; it belongs to [{}]", other.name);
      break;
    }
  }
  if (hint.empty())
    hint = names.empty() ? "; there are no options outside the sections"
                         : "; the options are " + join(names, ", ");
  const std::string place = section.name.empty() ? "" : fmt::format(" in [{}]", section.name);
  return fmt::format("there is no option '{}'{}{}", shortened(std::string(key)), place, hint);
}

std::string join_problems(const std::vector<std::string>& problems) {
  std::string result;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    std::string problem = problems[i];
    // "...?; next" reads badly.
    if (i + 1 < problems.size() && problem.ends_with('?')) problem.pop_back();
    result += (i > 0 ? "; " : "") + problem;
  }
  return result;
}

std::string format_real(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace detail

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          result += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else {
          result += c;
        }
    }
  }
  return result + "\"";
}

struct Formatter {
  std::string operator()(bool each) const { return each ? "true" : "false"; }
  std::string operator()(std::int64_t each) const { return fmt::format("{}", each); }
  std::string operator()(double each) const { return detail::format_real(each); }
  std::string operator()(const std::string& each) const { return quoted(each); }
  std::string operator()(const std::vector<std::string>& each) const { return list(each); }
  std::string operator()(const std::vector<std::int64_t>& each) const { return list(each); }
  std::string operator()(const std::vector<double>& each) const { return list(each); }
  template <typename Item>
  std::string list(const std::vector<Item>& items) const {
    std::string result = "[";
    for (std::size_t i = 0; i < items.size(); ++i)
      result += (i > 0 ? ", " : "") + (*this)(items[i]);
    return result + "]";
  }
};

}  // namespace

const char* option_type_name(const OptionValue& value) {
  struct Namer {
    const char* operator()(bool) const { return "boolean"; }
    const char* operator()(std::int64_t) const { return "integer"; }
    const char* operator()(double) const { return "number"; }
    const char* operator()(const std::string&) const { return "string"; }
    const char* operator()(const std::vector<std::string>&) const { return "list of strings"; }
    const char* operator()(const std::vector<std::int64_t>&) const { return "list of integers"; }
    const char* operator()(const std::vector<double>&) const { return "list of numbers"; }
  };
  return std::visit(Namer(), value);
}

std::string format_option(const OptionValue& value) { return std::visit(Formatter(), value); }

}  // namespace affinis
