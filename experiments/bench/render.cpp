// How much of Embree's bare speed is left when every field of a frame is made: all rays of full frames (primary, shadow, ambient
// occlusion, mirrors, curvature) a second beside primary rays alone, one a pixel, for the same views on the same threads in the same run.
// Furnishing and choosing views is in neither rate; frames a second of the whole are named beside them.
#include <algorithm>
#include <atomic>
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
  double frames = 0;          ///< full frames a second, furnishing and viewpoints included
  double rays_per_frame = 0;  ///< of a full frame
  double full_rays = 0;       ///< rays a second of full frames
  double bare_rays = 0;       ///< rays a second of primary rays alone
};

Rates measure(const SceneOptions& options, std::int64_t buildings, tbb::task_arena& arena) {
  Logger logger;
  const SceneRenderer renderer(options, logger);
  const std::int64_t rooms = buildings * options.rooms_per_building;
  const auto each = [&](const std::function<void(std::int64_t, std::int64_t)>& work) {
    arena.execute([&] { tbb::parallel_for(std::int64_t{0}, rooms, [&](std::int64_t i) { work(i / options.rooms_per_building, i % options.rooms_per_building); }); });
  };
  const auto bare_seconds = [&](std::int64_t repetitions) {
    return seconds([&] { each([&](std::int64_t b, std::int64_t r) { renderer.count_primary_hits(b, r, repetitions); }); });
  };
  // Loads the models, which a data set does once.
  bare_seconds(0);
  const auto pictures = static_cast<double>(rooms * options.views_per_room);
  const auto pixels = static_cast<double>(options.image_side * options.image_side);
  constexpr std::int64_t kRepetitions = 20;
  constexpr int kRounds = 3;
  double furnish = 1e9, bare = 1e9, full = 1e9;
  std::atomic<std::int64_t> rays = 0;
  // The rounds alternate and the best counts, so that other programs disturb neither side more than the other.
  for (int round = 0; round < kRounds; ++round) {
    furnish = std::min(furnish, bare_seconds(0));
    bare = std::min(bare, bare_seconds(kRepetitions));
    rays = 0;
    full = std::min(full, seconds([&] {
                      each([&](std::int64_t b, std::int64_t r) {
                        for (const affinis::scenes::Frame& frame : renderer.render_room(b, r)) rays += frame.rays;
                      });
                    }));
  }
  const auto traced = static_cast<double>(rays.load());
  return {pictures / full, traced / pictures, traced / std::max(1e-9, full - furnish),
          pictures * pixels * static_cast<double>(kRepetitions) / std::max(1e-9, bare - furnish)};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rays a second of the room renderer with all fields beside bare primary rays.", "render");
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
          ours = rates.full_rays;
          peer = rates.bare_rays;
        }
        cases.push_back({{"furniture", furniture},
                         {"image_side", side},
                         {"ours", rates.full_rays},
                         {"peer", rates.bare_rays},
                         {"ratio", rates.full_rays / rates.bare_rays},
                         {"rays_per_pixel", rates.rays_per_frame / static_cast<double>(side * side)},
                         {"frames_per_second", rates.frames}});
        if (!json) {
          std::printf("%-10s %4lld px: %6.2f million rays/s with all fields, %6.2f million rays/s of primary rays alone, ratio %.2f; %5.1f rays a pixel, %.1f frames/s\n",
                      furniture.c_str(), static_cast<long long>(side), rates.full_rays / 1e6, rates.bare_rays / 1e6, rates.full_rays / rates.bare_rays,
                      rates.rays_per_frame / static_cast<double>(side * side), rates.frames);
        }
      }
    }
    const nlohmann::json result = {{"name", "render"},
                                   {"ours", ours},
                                   {"peer", peer},
                                   {"ratio", ours / peer},
                                   {"unit", "rays/s, 64 x 64 pictures (peer: one primary ray a pixel, nothing else)"},
                                   {"threads", arena.max_concurrency()},
                                   {"cases", cases}};
    if (json) std::printf("%s\n", result.dump().c_str());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
