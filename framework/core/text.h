#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace affinis {

/// Splits at every `separator`; "a,,b" gives three parts, "" gives none. Parts are trimmed of blanks.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string trim(std::string_view text);

/// The whole text as a number, or nothing (leading and trailing blanks are allowed, anything else is not).
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_real(std::string_view text);

/// "1-3,7" -> {1,2,3,7}; throws Error(kUsage) that names `what` otherwise.
std::vector<std::int64_t> parse_integer_list(std::string_view text, std::string_view what);

/// The candidates nearest to `name` (edit distance at most a third of its length, at most three), nearest first.
std::vector<std::string> nearest_names(std::string_view name, std::span<const std::string> candidates);

/// ", did you mean 'a' or 'b'?" for an error sentence, or "" when nothing is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

/// 75 -> "1:15", 3725 -> "1:02:05".
std::string format_duration(double seconds);
/// 1536 -> "1.5 KiB".
std::string format_bytes(double bytes);

}  // namespace affinis
