// How much of Embree's bare speed is left when every field of a frame is made: full frames a second beside one primary ray a pixel of the
// same views, on the same threads, in the same run. "ratio" is full frames per bare frame, below 1 by nature.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "framework/core/log.h"
#include "framework/scenes/render.h"

namespace {

using affinis::Logger;
using affinis::scenes::SceneOptions;
using affinis::scenes::SceneRenderer;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Rates {
  double frames = 0;       ///< full frames a second, furnishing and viewpoints included
  double bare_frames = 0;  ///< frames a second of primary rays alone
};

Rates measure(const SceneOptions& options, std::int64_t buildings, tbb::task_arena& arena) {
  Logger logger;
  const SceneRenderer renderer(options, logger);
  const std::int64_t rooms = buildings * options.rooms_per_building;
  const auto each = [&](const std::function<void(std::int64_t, std::int64_t)>& work) {
    arena.execute([&] { tbb::parallel_for(std::int64_t{0}, rooms, [&](std::int64_t i) { work(i / options.rooms_per_building, i % options.rooms_per_building); }); });
  };
  // Loads the models, which a data set does once.
  each([&](std::int64_t b, std::int64_t r) { renderer.count_primary_hits(b, r, 0); });
  const double furnish = seconds([&] { each([&](std::int64_t b, std::int64_t r) { renderer.count_primary_hits(b, r, 0); }); });
  const auto pictures = static_cast<double>(rooms * options.views_per_room);
  constexpr std::int64_t kRepetitions = 20;
  const double bare = seconds([&] { each([&](std::int64_t b, std::int64_t r) { renderer.count_primary_hits(b, r, kRepetitions); }); });
  const double full = seconds([&] { each([&](std::int64_t b, std::int64_t r) { renderer.render_room(b, r); }); });
  return {pictures / full, pictures * static_cast<double>(kRepetitions) / std::max(1e-9, bare - furnish)};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Frames a second of the room renderer beside Embree's bare primary rays.", "render");
  bool json = false;
  int threads = 0;
  std::int64_t buildings = 4;
  app.add_flag("--json", json, "Print one JSON object");
  app.add_option("--threads", threads, "0: one for every core");
  app.add_option("--buildings", buildings, "Buildings of five rooms")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    tbb::task_arena arena(threads > 0 ? threads : tbb::task_arena::automatic);
    nlohmann::json cases = nlohmann::json::array();
    double ours = 0, peer = 0;
    for (const std::string furniture : {"auto", "parametric"}) {
      for (const std::int64_t side : {std::int64_t{64}, std::int64_t{256}}) {
        SceneOptions options;
        options.furniture = furniture;
        options.image_side = side;
        options.views_per_room = side == 64 ? 8 : 2;
        const Rates rates = measure(options, buildings, arena);
        if (ours == 0) {
          ours = rates.frames;
          peer = rates.bare_frames;
        }
        cases.push_back({{"furniture", furniture},
                         {"image_side", side},
                         {"ours", rates.frames},
                         {"peer", rates.bare_frames},
                         {"ratio", rates.frames / rates.bare_frames},
                         {"peer_megarays_per_second", rates.bare_frames * static_cast<double>(side * side) / 1e6}});
        if (!json) std::printf("%-10s %4lld px: %8.1f frames/s with all fields, %8.1f frames/s of bare primary rays\n", furniture.c_str(), static_cast<long long>(side), rates.frames, rates.bare_frames);
      }
    }
    const nlohmann::json result = {{"name", "render"}, {"ours", ours},        {"peer", peer}, {"ratio", ours / peer}, {"unit", "frames/s at 64 x 64 (peer: one Embree ray a pixel, nothing else)"},
                                   {"threads", arena.max_concurrency()}, {"cases", cases}};
    if (json) std::printf("%s\n", result.dump().c_str());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
