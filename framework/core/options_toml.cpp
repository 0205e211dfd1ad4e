#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <toml++/toml.h>

#include "framework/core/detail/option_check.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/options.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

using nlohmann::json;

std::string one_line(const std::string& text) {
  std::string result = text;
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return result;
}

/// Nothing for what no option can be: tables, dates and times.
std::optional<json> plain_value(const toml::node& node) {
  if (const auto* each = node.as_boolean()) return json(each->get());
  if (const auto* each = node.as_integer()) return json(each->get());
  if (const auto* each = node.as_floating_point()) return json(each->get());
  if (const auto* each = node.as_string()) return json(each->get());
  if (const auto* list = node.as_array()) {
    json result = json::array();
    for (const toml::node& item : *list) {
      std::optional<json> value = plain_value(item);
      if (!value) return std::nullopt;
      result.push_back(std::move(*value));
    }
    return result;
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::vector<OptionSection>& sections) : sections_(sections) {}

  void read(const toml::table& table, const std::string& path) {
    for (const auto& [key, node] : table) {
      // A key's own line: a value may begin further down.
      const auto line = static_cast<std::int64_t>(key.source().begin.line);
      const std::string name(key.str());
      const std::string below = detail::option_path(path, name);
      const OptionSection* section = detail::find_section(sections_, path);
      const OptionField* field = section == nullptr ? nullptr : detail::find_field(*section, name);
      if (field != nullptr) {
        set(*section, *field, node, line);
      } else if (node.is_table() && is_section(below)) {
        read(*node.as_table(), below);
      } else if (node.is_array_of_tables() && is_section(below)) {
        add(line, fmt::format("[[{0}]] must be written [{0}] and stand only once", below));
      } else if (node.is_table() || node.is_array_of_tables()) {
        add(line, unknown_section(below));
      } else if (section != nullptr) {
        add(line, detail::unknown_key(*section, name, sections_));
      } else if (path.empty()) {
        const OptionSection nowhere{"", "", &no_fields_, nullptr};
        add(line, detail::unknown_key(nowhere, name, sections_));
      } else {
        add(line, unknown_section(path));
      }
    }
  }

  void finish(const std::string& file) {
    if (problems_.empty()) {
      for (const Setting& each : settings_) each.field->set(each.section->options, each.value);
      return;
    }
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> texts;
    for (const auto& [line, problem] : problems_)
      texts.push_back(fmt::format("line {}: {}", line, problem));
    const std::string joined = detail::join_problems(texts);
    if (texts.size() == 1) throw Error(ErrorCode::kConfig, fmt::format("{} {}", file, joined));
    throw Error(ErrorCode::kConfig,
                fmt::format("{} has {} problems: {}", file, texts.size(), joined));
  }

 private:
  struct Setting {
    const OptionSection* section;
    const OptionField* field;
    OptionValue value;
  };

  void add(std::int64_t line, std::string problem) {
    problems_.emplace_back(line, std::move(problem));
  }

  void set(const OptionSection& section, const OptionField& field, const toml::node& node,
           std::int64_t line) {
    const std::optional<json> value = plain_value(node);
    if (!value) {
      const char* is = node.is_table()   ? "a table"
                       : node.is_array() ? "a list of something else"
                                         : "a date or time";
      return add(line, detail::wrong_type(section, field, is));
    }
    detail::CheckedOption checked = detail::check_option(section, field, *value);
    if (!checked.value) return add(line, std::move(checked.problem));
    settings_.push_back({&section, &field, std::move(*checked.value)});
  }

  /// Also for what is only part of a section's name ("a" of "a.b").
  bool is_section(const std::string& path) const {
    return std::any_of(sections_.begin(), sections_.end(), [&](const OptionSection& section) {
      return section.name == path || section.name.starts_with(path + ".");
    });
  }

  std::string unknown_section(const std::string& path) const {
    std::vector<std::string> names;
    for (const OptionSection& section : sections_) {
      if (!section.name.empty()) names.push_back(section.name);
    }
    std::string hint = did_you_mean(path, names);
    if (hint.empty())
      hint = names.empty() ? "; there are none here" : "; the sections are " + join(names, ", ");
    return fmt::format("there is no section [{}]{}", path, hint);
  }

  const std::vector<OptionSection>& sections_;
  const std::vector<OptionField> no_fields_;
  std::vector<Setting> settings_;
  std::vector<std::pair<std::int64_t, std::string>> problems_;
};

// The library's sentences begin with "Error while parsing" and may quote much of the file.
std::string syntax_problem(const toml::parse_error& problem) {
  constexpr std::size_t kMost = 200;
  std::string text = one_line(std::string(problem.description()));
  if (text.starts_with("Error ")) text[0] = 'e';
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

}  // namespace

void load_toml(const std::filesystem::path& path, const std::vector<OptionSection>& sections) {
  parse_toml(read_file(path), path.string(), sections);
}

void parse_toml(std::string_view text, const std::string& name,
                const std::vector<OptionSection>& sections) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& problem) {
    fail(ErrorCode::kConfig, "{} line {}: this is not valid TOML: {}", name,
         static_cast<std::int64_t>(problem.source().begin.line), syntax_problem(problem));
  }
  Reader reader(sections);
  reader.read(table, "");
  reader.finish(name);
}

std::string to_toml(const std::vector<OptionSection>& sections) {
  std::string result;
  const auto write = [&](const OptionSection& section) {
    if (!result.empty()) result += "\n";
    if (!section.doc.empty()) result += "# " + one_line(section.doc) + "\n";
    if (!section.name.empty()) result += "[" + section.name + "]\n";
    for (const OptionField& field : *section.fields) {
      result += fmt::format("# {}\n{} = {}\n", one_line(field.doc), field.name,
                            format_option(field.get(section.options)));
    }
  };
  // What has no section must come first: behind a section's line it would belong to that one.
  for (const OptionSection& section : sections) {
    if (section.name.empty()) write(section);
  }
  for (const OptionSection& section : sections) {
    if (!section.name.empty()) write(section);
  }
  return result;
}

}  // namespace affinis
