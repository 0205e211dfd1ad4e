#include "taxonomy/loss_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 4> kLossColumns = {"network", "target", "image", "loss"};
const std::string kBuilding = "building";

using Buildings = std::map<std::int64_t, std::string>;

std::int64_t parse_image(const std::string& cell, const std::string& name, std::int64_t line) {
  const std::optional<std::int64_t> image = parse_integer(cell);
  AFFINIS_CHECK(image, ErrorCode::kData, "{} line {}: '{}' in column image is not a whole number", name, line, one_line(cell));
  return *image;
}

/// Leaves a table without buildings when none of its images' is known.
void set_buildings(LossTable& table, const Buildings& buildings) {
  std::vector<std::string> found = table.buildings;
  found.resize(table.images.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto place = buildings.find(table.images[i]);
    if (place != buildings.end()) found[i] = place->second;
  }
  const bool any = std::any_of(found.begin(), found.end(), [](const std::string& building) { return !building.empty(); });
  if (any) table.buildings = std::move(found);
}

/// The losses of one target while files are read; NaN with the flag unset is a cell that no file had.
struct CollectedLosses {
  std::vector<std::string> networks;
  std::unordered_map<std::string, std::size_t> network_positions;
  std::vector<std::unordered_map<std::int64_t, double>> losses;  // one map a network
  std::set<std::int64_t> images;
};

double parse_loss(const std::string& cell, const std::string& name, std::int64_t line) {
  const std::string text = trim(cell);
  if (text == "inf" || text == "Infinity" || text == "+inf") return std::numeric_limits<double>::infinity();
  return parse_csv_number(cell, "loss", name, line);
}

LossTable assemble_losses(const std::string& target, const CollectedLosses& collected) {
  LossTable table;
  table.target = target;
  table.networks = collected.networks;
  table.images.assign(collected.images.begin(), collected.images.end());
  table.losses.assign(table.networks.size() * table.images.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t network = 0; network < table.networks.size(); ++network) {
    const auto& row = collected.losses[network];
    for (std::size_t image = 0; image < table.images.size(); ++image) {
      if (const auto found = row.find(table.images[image]); found != row.end()) {
        table.losses[network * table.images.size() + image] = found->second;
      }
    }
  }
  return table;
}

}  // namespace

std::size_t LossTable::find(const std::string& network) const {
  return static_cast<std::size_t>(std::find(networks.begin(), networks.end(), network) - networks.begin());
}

void check_loss_table(const LossTable& table) {
  AFFINIS_CHECK(!table.target.empty(), ErrorCode::kData, "a loss table has no target");
  AFFINIS_CHECK(table.losses.size() == table.networks.size() * table.images.size(), ErrorCode::kData,
                "losses of {}: {} networks and {} images need {} losses, but there are {}", table.target, table.networks.size(),
                table.images.size(), table.networks.size() * table.images.size(), table.losses.size());
  AFFINIS_CHECK(table.buildings.empty() || table.buildings.size() == table.images.size(), ErrorCode::kData,
                "losses of {}: there are {} images, but {} buildings; give one an image", table.target, table.images.size(),
                table.buildings.size());
  std::set<std::string> names;
  for (const std::string& network : table.networks) {
    AFFINIS_CHECK(!network.empty(), ErrorCode::kData, "losses of {}: a network has no name", table.target);
    AFFINIS_CHECK(names.insert(network).second, ErrorCode::kData, "losses of {}: the network '{}' is there twice", table.target, network);
  }
  AFFINIS_CHECK(table.seeds > 0 && table.images.size() % table.seeds == 0, ErrorCode::kData,
                "losses of {}: {} images are not as many for each of {} seeds", table.target, table.images.size(), table.seeds);
  const auto part = static_cast<std::ptrdiff_t>(table.images.size() / table.seeds);
  std::vector<std::int64_t> images(table.images.begin(), table.images.begin() + part);
  for (std::size_t seed = 1; seed < table.seeds; ++seed) {
    AFFINIS_CHECK(std::equal(images.begin(), images.end(), table.images.begin() + part * static_cast<std::ptrdiff_t>(seed)), ErrorCode::kData,
                  "losses of {}: the seeds are of different images", table.target);
  }
  std::sort(images.begin(), images.end());
  const auto twice = std::adjacent_find(images.begin(), images.end());
  AFFINIS_CHECK(twice == images.end(), ErrorCode::kData, "losses of {}: the image {} is there twice", table.target, *twice);
  const double lowest = -std::numeric_limits<double>::infinity();
  const auto bad = std::find(table.losses.begin(), table.losses.end(), lowest);
  AFFINIS_CHECK(bad == table.losses.end(), ErrorCode::kData, "losses of {}: network '{}' has a loss of minus infinity", table.target,
                table.networks[static_cast<std::size_t>(bad - table.losses.begin()) / table.images.size()]);
}

std::vector<LossTable> read_loss_tables(std::span<const std::filesystem::path> paths) {
  std::map<std::string, CollectedLosses> targets;
  Buildings buildings;
  for (const std::filesystem::path& path : paths) {
    const std::string name = path.string();
    const std::string text = read_file(path);
    std::vector<std::size_t> columns;
    std::optional<std::size_t> building_column;
    for_each_record(text, name, [&](const CsvRecord& record) {
      if (columns.empty()) {
        columns = find_columns(record, kLossColumns, name);
        const bool has = std::any_of(record.fields.begin(), record.fields.end(), [](const auto& field) { return trim(field) == kBuilding; });
        if (has) building_column = find_columns(record, std::array{kBuilding}, name).front();
        return;
      }
      const std::string network = trim(record.fields[columns[0]]);
      const std::string target = trim(record.fields[columns[1]]);
      AFFINIS_CHECK(!network.empty() && !target.empty(), ErrorCode::kData, "{} line {}: the {} is empty", name, record.line,
                    network.empty() ? "network" : "target");
      check_csv_name(network, name, record.line);
      check_csv_name(target, name, record.line);
      const std::int64_t image = parse_image(record.fields[columns[2]], name, record.line);
      const double loss = parse_loss(record.fields[columns[3]], name, record.line);
      CollectedLosses& collected = targets[target];
      const auto [position, fresh] = collected.network_positions.emplace(network, collected.networks.size());
      if (fresh) {
        collected.networks.push_back(network);
        collected.losses.emplace_back();
      }
      collected.images.insert(image);
      AFFINIS_CHECK(collected.losses[position->second].emplace(image, loss).second, ErrorCode::kData,
                    "{} line {}: the loss of network '{}' for target '{}' on image {} was given before; remove one of the two", name,
                    record.line, network, target, image);
      if (!building_column) return;
      const std::string building = trim(record.fields[*building_column]);
      if (building.empty()) return;
      check_csv_name(building, name, record.line);
      const auto [place, first] = buildings.emplace(image, building);
      AFFINIS_CHECK(first || place->second == building, ErrorCode::kData,
                    "{} line {}: image {} is of building '{}' here, but was of '{}' before; make the two agree", name, record.line, image,
                    building, place->second);
    });
  }
  std::vector<LossTable> tables;
  for (const auto& [target, collected] : targets) tables.push_back(assemble_losses(target, collected));
  for (LossTable& table : tables) set_buildings(table, buildings);
  return tables;
}

void read_buildings(const std::filesystem::path& path, std::vector<LossTable>& tables) {
  const std::string name = path.string();
  const std::array<std::string, 2> needed = {"image", kBuilding};
  Buildings buildings;
  std::vector<std::size_t> columns;
  for_each_record(read_file(path), name, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, needed, name);
      return;
    }
    const std::int64_t image = parse_image(record.fields[columns[0]], name, record.line);
    const std::string building = trim(record.fields[columns[1]]);
    AFFINIS_CHECK(!building.empty(), ErrorCode::kData, "{} line {}: the building is empty", name, record.line);
    check_csv_name(building, name, record.line);
    AFFINIS_CHECK(buildings.emplace(image, building).second, ErrorCode::kData,
                  "{} line {}: image {} has a building already; remove one of the two", name, record.line, image);
  });
  for (LossTable& table : tables) set_buildings(table, buildings);
}

}  // namespace affinis::taxonomy
