#include <cmath>

#include <fmt/core.h>

#include "framework/core/detail/option_check.h"
#include "framework/core/options.h"

namespace affinis {
namespace {

// A pipe would end the cell, also within code; a line break would end the table.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' || c == '\r' ? ' ' : c;
  }
  return result;
}

std::string code(const std::string& text) {
  const bool has_tick = text.find('`') != std::string::npos;
  return cell(has_tick ? "`` " + text + " ``" : "`" + text + "`");
}

std::string number(double value) {
  const std::string text = detail::format_real(value);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string allowed(const OptionField& field) {
  std::string result;
  for (const std::string& choice : field.choices)
    result += (result.empty() ? "" : ", ") + code(choice);
  if (!result.empty()) return result;
  const bool low = std::isfinite(field.minimum);
  const bool high = std::isfinite(field.maximum);
  if (low && high) return number(field.minimum) + " to " + number(field.maximum);
  if (low) return "at least " + number(field.minimum);
  if (high) return "at most " + number(field.maximum);
  return "any";
}

}  // namespace

std::string options_markdown(const std::vector<OptionSection>& sections) {
  std::string result;
  for (const OptionSection& section : sections) {
    if (!result.empty()) result += "\n";
    result += section.name.empty() ? "## Above the first section\n\n"
                                   : fmt::format("## `[{}]`\n\n", section.name);
    if (!section.doc.empty()) result += section.doc + "\n\n";
    result += "| option | type | default | allowed | meaning |\n| --- | --- | --- | --- | --- |\n";
    for (const OptionField& field : *section.fields) {
      const OptionValue value = field.get(section.options);
      const char* note = field.affects_result ? "" : " (does not change results)";
      const std::string limits =
          std::holds_alternative<bool>(value) ? "`true`, `false`" : allowed(field);
      result +=
          fmt::format("| {} | {} | {} | {} | {}{} |\n", code(field.name), option_type_name(value),
                      code(format_option(value)), limits, cell(field.doc), note);
    }
  }
  return result;
}

}  // namespace affinis
