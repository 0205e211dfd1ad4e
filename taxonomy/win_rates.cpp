#include "taxonomy/win_rates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 4> kWinRateColumns = {"target", "a", "b", "win_rate"};
const std::array<std::string, 1> kImages = {"images"};
constexpr double kDirectionsAgree = 1e-6;

struct Pair {
  double rate = 0;
  std::optional<std::int64_t> images;
};

/// The rows of one target while files are read.
struct CollectedPairs {
  std::vector<std::string> networks;
  std::map<std::string, std::size_t> positions;
  std::map<std::pair<std::size_t, std::size_t>, Pair> pairs;

  std::size_t position(const std::string& network) {
    const auto [place, fresh] = positions.emplace(network, networks.size());
    if (fresh) networks.push_back(network);
    return place->second;
  }
};

std::optional<std::int64_t> parse_images(const std::string& cell, const std::string& name,
                                         std::int64_t line) {
  if (trim(cell).empty()) return std::nullopt;
  const std::optional<std::int64_t> images = parse_integer(cell);
  AFFINIS_CHECK(images && *images > 0 && *images <= std::numeric_limits<std::int32_t>::max(),
                ErrorCode::kData,
                "{} line {}: '{}' in column images is not a positive whole number below 2^31", name,
                line, one_line(cell));
  return images;
}

void add_row(const std::string& target, const std::string& a, const std::string& b,
             const Pair& pair, const std::string& name, std::int64_t line,
             std::map<std::string, CollectedPairs>& targets) {
  AFFINIS_CHECK(!target.empty() && !a.empty() && !b.empty(), ErrorCode::kData,
                "{} line {}: the {} is empty", name, line,
                target.empty() ? "target" : "name of a network");
  for (const std::string* each : {&target, &a, &b}) check_csv_name(*each, name, line);
  AFFINIS_CHECK(pair.rate >= 0 && pair.rate <= 1, ErrorCode::kData,
                "{} line {}: the win rate {} does not lie between 0 and 1", name, line, pair.rate);
  AFFINIS_CHECK(a != b || pair.rate == 0.5, ErrorCode::kData,
                "{} line {}: '{}' wins {} against itself, but that can only be 0.5", name, line, a,
                pair.rate);
  CollectedPairs& collected = targets[target];
  const std::size_t row = collected.position(a);
  const std::size_t column = collected.position(b);
  if (!collected.pairs.empty()) {
    AFFINIS_CHECK(
        collected.pairs.begin()->second.images.has_value() == pair.images.has_value(),
        ErrorCode::kData,
        "{} line {}: images are given for some rows of target '{}' only; give all of them or none",
        name, line, target);
  }
  AFFINIS_CHECK(collected.pairs.emplace(std::pair(row, column), pair).second, ErrorCode::kData,
                "{} line {}: the win rate of '{}' against '{}' for target '{}' was given before; "
                "remove one of the two",
                name, line, a, b, target);
  const auto other = collected.pairs.find({column, row});
  if (row == column || other == collected.pairs.end()) return;
  AFFINIS_CHECK(std::abs(pair.rate + other->second.rate - 1) <= kDirectionsAgree, ErrorCode::kData,
                "{} line {}: '{}' wins {} against '{}' and {} the other way round for target '{}', "
                "which must add up to 1",
                name, line, a, pair.rate, b, other->second.rate, target);
  AFFINIS_CHECK(pair.images == other->second.images, ErrorCode::kData,
                "{} line {}: '{}' and '{}' were compared on {} images here and on {} the other way "
                "round for target '{}'",
                name, line, a, b, pair.images.value_or(0), other->second.images.value_or(0),
                target);
}

Tournament assemble_tournament(const std::string& target, const CollectedPairs& collected) {
  Tournament result;
  result.target = target;
  result.networks = collected.networks;
  const std::size_t count = collected.networks.size();
  result.wins.assign(count * count, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < count; ++i) result.wins[i * count + i] = 0.5;
  const bool counted = collected.pairs.begin()->second.images.has_value();
  if (counted) result.shared.assign(count * count, 0);
  const auto set = [&](std::size_t row, std::size_t column, double rate, const Pair& pair) {
    result.wins[row * count + column] = rate;
    if (!counted) return;
    const auto images = static_cast<std::int32_t>(*pair.images);
    result.shared[row * count + column] = images;
    std::int32_t& own = result.shared[row * count + row];
    own = std::max(own, images);
    result.images = std::max(result.images, *pair.images);
  };
  for (const auto& [place, pair] : collected.pairs) {
    const auto [row, column] = place;
    if (row == column) continue;
    set(row, column, pair.rate, pair);
    if (!collected.pairs.contains({column, row})) set(column, row, 1 - pair.rate, pair);
  }
  return result;
}

}  // namespace

std::vector<Tournament> read_win_rates(std::span<const std::filesystem::path> paths) {
  std::map<std::string, CollectedPairs> targets;
  for (const std::filesystem::path& path : paths) {
    const std::string name = path.string();
    std::vector<std::size_t> columns;
    std::optional<std::size_t> images;
    for_each_record(read_file(path), name, [&](const CsvRecord& record) {
      if (columns.empty()) {
        columns = find_columns(record, kWinRateColumns, name);
        const bool has = std::any_of(record.fields.begin(), record.fields.end(),
                                     [](const auto& field) { return trim(field) == kImages[0]; });
        if (has) images = find_columns(record, kImages, name).front();
        return;
      }
      const auto text = [&](std::size_t column) { return trim(record.fields[columns[column]]); };
      Pair pair;
      pair.rate = parse_csv_number(record.fields[columns[3]], "win_rate", name, record.line);
      AFFINIS_CHECK(!std::isnan(pair.rate), ErrorCode::kData,
                    "{} line {}: the win rate is empty; leave the row out", name, record.line);
      if (images) pair.images = parse_images(record.fields[*images], name, record.line);
      add_row(text(0), text(1), text(2), pair, name, record.line, targets);
    });
  }
  std::vector<Tournament> result;
  for (const auto& [target, collected] : targets) result.push_back(assemble_tournament(target, collected));
  return result;
}

}  // namespace affinis::taxonomy
