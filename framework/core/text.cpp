#include "framework/core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "framework/core/error.h"

namespace affinis {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  // from_chars takes no plus sign; people write one.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What people mix up without noticing: capitals and the two ways to join words.
std::string folded(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ') c = '_';
  }
  return result;
}

// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment) count one each.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(trimmed(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) result += separator;
    result += parts[i];
  }
  return result;
}

std::string trim(std::string_view text) { return std::string(trimmed(text)); }

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_number<std::int64_t>(text);
}
std::optional<double> parse_real(std::string_view text) { return parse_number<double>(text); }

std::vector<std::int64_t> parse_integer_list(std::string_view text, std::string_view what) {
  // A range typed with a few digits too many would otherwise fill the memory.
  constexpr std::size_t kMost = 1'000'000;
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::kUsage, "{} must be a list like 1-3,7, but '{}' {}", what, text, why);
  };
  std::vector<std::int64_t> result;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-', 1);
    const std::optional<std::int64_t> low = parse_integer(std::string_view(part).substr(0, dash));
    const std::optional<std::int64_t> high =
        dash == std::string::npos ? low : parse_integer(std::string_view(part).substr(dash + 1));
    if (part.empty()) refuse("has nothing between two commas");
    if (!low || !high)
      refuse(fmt::format("has '{}', which is neither an integer nor a range", part));
    if (*low > *high) refuse(fmt::format("has the range '{}' whose end is before its start", part));
    const std::uint64_t count =
        static_cast<std::uint64_t>(*high) - static_cast<std::uint64_t>(*low);
    if (count >= kMost - std::min(kMost, result.size())) refuse("has more than a million numbers");
    for (std::uint64_t i = 0; i <= count; ++i)
      result.push_back(*low + static_cast<std::int64_t>(i));
  }
  if (result.empty()) refuse("has no number");
  return result;
}

std::vector<std::string> nearest_names(std::string_view name,
                                       std::span<const std::string> candidates) {
  const std::string wanted = folded(name);
  // Short names still deserve a hint for one wrong letter, but not one that shares no letter with what was typed.
  const std::size_t most = std::max<std::size_t>(wanted.size() / 3, wanted.size() > 1 ? 1 : 0);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), wanted.size());
    if (longer - std::min(candidate.size(), wanted.size()) > most) continue;
    const std::size_t distance = edit_distance(wanted, folded(candidate));
    if (distance <= most) near.emplace_back(distance, candidate);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::vector<std::string> result;
  for (std::size_t i = 0; i < std::min<std::size_t>(near.size(), 3); ++i)
    result.push_back(near[i].second);
  return result;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string> near = nearest_names(name, candidates);
  if (near.empty()) return {};
  std::string result = ", did you mean ";
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (i > 0) result += i + 1 == near.size() ? " or " : ", ";
    result += "'" + near[i] + "'";
  }
  return result + "?";
}

std::string format_duration(double seconds) {
  constexpr double kLongest = 1e15;
  if (!(std::abs(seconds) < kLongest)) return "unknown";
  const auto whole = static_cast<std::int64_t>(std::llround(std::abs(seconds)));
  const char* sign = seconds < 0 && whole > 0 ? "-" : "";
  if (whole < 3600) return fmt::format("{}{}:{:02}", sign, whole / 60, whole % 60);
  return fmt::format("{}{}:{:02}:{:02}", sign, whole / 3600, whole / 60 % 60, whole % 60);
}

std::string format_bytes(double bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (!std::isfinite(bytes)) return "unknown";
  if (std::abs(bytes) < 1023.5) return fmt::format("{:.0f} B", bytes);
  std::size_t unit = 0;
  bytes /= 1024;
  // 1023.95 would be printed as 1024.0 of the smaller unit.
  for (; std::abs(bytes) >= 1023.95 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

}  // namespace affinis
