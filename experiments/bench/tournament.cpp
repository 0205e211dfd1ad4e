// Our half of the tournament bench (tournament.py drives it and NumPy): times win rates and affinities of random losses.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <sys/resource.h>

#include "framework/core/random.h"
#include "taxonomy/ahp.h"
#include "taxonomy/tournament.h"

int main(int argc, char** argv) {
  using namespace affinis;
  CLI::App app("Times win rates of random losses; run tournament.py instead");
  std::size_t networks = 300;
  std::size_t images = 17000;
  double missing = 0;
  std::string out;
  app.add_option("--networks", networks);
  app.add_option("--images", images);
  app.add_option("--missing", missing, "share of losses that are missing");
  app.add_option("--out", out, "write the losses to this file, 64-bit floats");
  CLI11_PARSE(app, argc, argv);
  try {
    taxonomy::LossTable table;
    table.target = "target";
    RandomStream random(1, "tournament bench");
    for (std::size_t n = 0; n < networks; ++n) table.networks.push_back(fmt::format("n{}", n));
    for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(i));
    table.losses.reserve(networks * images);
    for (std::size_t n = 0; n < networks; ++n) {
      const double level = 1 + static_cast<double>(n) / static_cast<double>(networks);
      for (std::size_t i = 0; i < images; ++i) {
        const double loss = level * random.uniform();
        table.losses.push_back(missing > 0 && random.uniform() < missing ? std::numeric_limits<double>::quiet_NaN() : loss);
      }
    }
    if (!out.empty()) {
      std::ofstream file(out, std::ios::binary);
      file.write(reinterpret_cast<const char*>(table.losses.data()), static_cast<std::streamsize>(table.losses.size() * sizeof(double)));
    }
    const auto seconds_since = [](std::chrono::steady_clock::time_point begin) {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    auto begin = std::chrono::steady_clock::now();
    const taxonomy::Tournament tournament = taxonomy::make_tournament(table);
    const double compared = seconds_since(begin);
    begin = std::chrono::steady_clock::now();
    const taxonomy::AhpResult ahp = taxonomy::ahp_affinity(tournament);
    const double weighed = seconds_since(begin);
    double checksum = 0;
    for (std::size_t j = 0; j < networks; ++j) checksum += tournament.win(0, j);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print("{{\"tournament_seconds\": {:.6f}, \"ahp_seconds\": {:.6f}, \"iterations\": {}, \"first_row\": {:.12f}, \"peak_mib\": {:.1f}}}\n",
               compared, weighed, ahp.iterations, checksum, static_cast<double>(usage.ru_maxrss) / 1024);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tournament: {}\n", error.what());
    return 1;
  }
}
