// Our half of the bootstrap bench (bootstrap.py drives it and NumPy): times intervals of random
// losses.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include "framework/core/random.h"
#include "taxonomy/bootstrap.h"

namespace {

using namespace affinis;

struct Flags {
  std::size_t targets = 22;
  std::size_t networks = 61;
  std::size_t images = 17355;
  std::size_t buildings = 0;
  std::int64_t draws = 1000;
  std::string out;
};

taxonomy::LossTable random_losses(const Flags& flags, std::size_t target) {
  taxonomy::LossTable table;
  table.target = fmt::format("target {}", target);
  RandomStream random(1, "bootstrap bench", {target});
  table.networks.emplace_back("self");
  for (std::size_t n = 1; n < flags.networks; ++n) table.networks.push_back(fmt::format("n{}", n));
  table.networks.emplace_back("scratch");
  for (std::size_t i = 0; i < flags.images; ++i) {
    table.images.push_back(static_cast<std::int64_t>(i));
    if (flags.buildings > 0) table.buildings.push_back(std::to_string(i % flags.buildings));
  }
  for (std::size_t n = 0; n < table.networks.size(); ++n) {
    const double level = 1 + static_cast<double>(n) / static_cast<double>(flags.networks);
    for (std::size_t i = 0; i < flags.images; ++i) table.losses.push_back(level * random.uniform());
  }
  return table;
}

template <typename T>
void write(const std::string& path, const std::vector<T>& values) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times bootstrap intervals of random losses; run bootstrap.py instead");
  Flags flags;
  app.add_option("--targets", flags.targets);
  app.add_option("--networks", flags.networks, "self among them, scratch beside them");
  app.add_option("--images", flags.images);
  app.add_option("--buildings", flags.buildings, "draw so many buildings; 0: images");
  app.add_option("--draws", flags.draws);
  app.add_option(
      "--out", flags.out,
      "write the first target's losses (64-bit floats) to OUT.losses and the counts of the "
      "draws (16-bit) to OUT.counts");
  CLI11_PARSE(app, argc, argv);
  try {
    std::vector<taxonomy::LossTable> tables;
    std::vector<taxonomy::TargetAffinity> points;
    for (std::size_t t = 0; t < flags.targets; ++t) {
      tables.push_back(random_losses(flags, t));
      points.push_back(taxonomy::target_affinity(tables.back()));
    }
    const taxonomy::TestUnits units = taxonomy::test_units(
        tables, flags.buildings > 0 ? taxonomy::TestUnit::kBuildings : taxonomy::TestUnit::kImages);
    taxonomy::BootstrapOptions options;
    options.draws = flags.draws;
    if (!flags.out.empty()) {
      write(flags.out + ".losses", tables.front().losses);
      taxonomy::UnitWeights counts;
      for (const auto& draw : taxonomy::bootstrap_draws(units.count, options.draws, options.seed)) {
        counts.insert(counts.end(), draw.begin(), draw.end());
      }
      write(flags.out + ".counts", counts);
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<taxonomy::TargetBootstrap> found =
        taxonomy::bootstrap(tables, points, units, {}, options);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    double affinity = 0;
    double gain = 0;
    for (const taxonomy::Interval& interval : found.front().affinity) {
      affinity += interval.high - interval.low;
    }
    for (const taxonomy::Interval& interval : found.front().gain)
      gain += interval.high - interval.low;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print(
        "{{\"seconds\": {:.6f}, \"affinity_widths\": {:.9f}, \"gain_widths\": {:.9f}, "
        "\"peak_mib\": {:.1f}}}\n",
        seconds.count(), affinity, gain, static_cast<double>(usage.ru_maxrss) / 1024);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bootstrap: {}\n", error.what());
    return 1;
  }
}
