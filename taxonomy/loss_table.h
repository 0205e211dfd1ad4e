#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace affinis::taxonomy {

/// Per-image test losses of every network that was tried for one target: what tournaments compare.
struct LossTable {
  std::string target;
  std::vector<std::string> networks;  ///< "self", "scratch", "constant", or a transfer's sources joined by '+'; none twice
  std::vector<std::int64_t> images;   ///< test images, none twice; with several seeds the whole list once for each, one behind the other
  std::vector<double> losses;         ///< networks x images, row-major; NaN: missing; +infinity: a network that diverged on it

  /// The building of each image, "" where it is not known; empty: of none.
  std::vector<std::string> buildings = {};
  /// Trainings with different seeds whose losses lie one behind the other (see seeds.h); a win rate is then the mean of theirs.
  std::size_t seeds = 1;

  double loss(std::size_t network, std::size_t image) const { return losses[network * images.size() + image]; }
  /// Position of a network, or networks.size() when it is not there.
  std::size_t find(const std::string& network) const;
};

/// Throws Error(kData) when sizes disagree, a name or image stands twice (in one seed) or is empty, a loss is minus infinity, or the seeds
/// are not of the same images.
void check_loss_table(const LossTable& table);

/// Reads csv files in long form, columns network,target,image,loss (image an integer, an empty loss missing, `inf` allowed), and puts
/// together one table a target, sorted by target; networks keep their order of first appearance, images are ascending. A further column
/// `building` says in which building an image was taken (empty: not known); an image has one building in all rows and targets.
/// Throws Error(kIo), Error(kFormat) or Error(kData) with file and line; the same (network, target, image) twice is an error.
std::vector<LossTable> read_loss_tables(std::span<const std::filesystem::path> paths);

/// Reads csv image,building and sets the buildings of the tables' images; images that are not in the tables are passed over.
/// Throws as read_loss_tables: an image twice, an empty building.
void read_buildings(const std::filesystem::path& path, std::vector<LossTable>& tables);

}  // namespace affinis::taxonomy
