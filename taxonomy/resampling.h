#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "taxonomy/affinity.h"
#include "taxonomy/loss_table.h"

namespace affinis::taxonomy {

/// What is drawn when a test set is drawn anew. Views of one building resemble each other, so that
/// intervals over images are too narrow where a test set has several of each.
enum class TestUnit { kImages, kBuildings };

/// "images" or "buildings".
const char* test_unit_name(TestUnit unit);
/// Throws Error(kUsage) for another word.
TestUnit parse_test_unit(std::string_view name);

/// A test set has to have so many buildings before they are drawn by default.
inline constexpr std::size_t kFewestBuildings = 5;

/// The test set of all targets together, so that a draw is one test set for all of them.
struct TestUnits {
  TestUnit unit = TestUnit::kImages;
  std::size_t count = 0;
  /// One list a table: the unit of each of its images.
  std::vector<std::vector<std::uint32_t>> unit_of;
};

/// Numbers images by their number and buildings by their name. Without `unit` it is buildings where
/// every image has one and there are kFewestBuildings of them, else images. Throws Error(kData):
/// buildings asked for, but an image has none or fewer than two stand in the tables; an image of
/// two buildings.
TestUnits test_units(std::span<const LossTable> tables, std::optional<TestUnit> unit = {});

/// How often each unit counts.
using UnitWeights = std::vector<std::uint16_t>;

/// `draws` times as many units as there are, with replacement. Draw d takes them from the stream
/// (seed, "bootstrap", d, units). Throws Error(kUsage) for draws outside 1 to 1,000,000.
std::vector<UnitWeights> bootstrap_draws(std::size_t units, std::int64_t draws, std::uint64_t seed);

/// `splits` times two disjoint random halves, one behind the other; of an odd number the second is
/// larger by one. Throws Error(kUsage) for splits outside 1 to 1,000,000 and Error(kData) for fewer
/// than two units.
std::vector<UnitWeights> random_halves(std::size_t units, std::int64_t splits, std::uint64_t seed);

/// A target's numbers when its units count as often as some weights say; NaN where no counted image
/// has both of two networks. Affinities need all pairs.
struct ReweighedTarget {
  std::vector<std::string> networks;  ///< of the tournament, as in TargetAffinity
  std::size_t weightings = 0;
  std::vector<double> wins;      ///< pairs x weightings, pairs i < j by i and then j: i against j
  std::vector<double> affinity;  ///< weightings x networks
  std::vector<double> gain;      ///< weightings x networks
  std::vector<double> quality;   ///< weightings x networks
};

/// What target_affinity() would find on a test set in which every unit stands as often as its
/// weight says, for all weightings at once; eigenvectors are iterated to 1e-8. In parallel; the
/// result does not depend on the number of threads. Throws as target_affinity(), and Error(kUsage)
/// when all pairs of networks under all weightings would take more than 2 GiB.
ReweighedTarget reweigh(const LossTable& table, std::span<const std::uint32_t> unit_of,
                        std::span<const UnitWeights> weightings,
                        const AffinityOptions& options = {});

}  // namespace affinis::taxonomy
