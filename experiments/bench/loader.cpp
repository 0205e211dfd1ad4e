// Our half of the loader bench (loader.py drives it and the PyTorch peer): makes the store that both read, and times our loader.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/data/loader.h"
#include "framework/data/store.h"

namespace {

using namespace affinis;
using namespace affinis::data;

const std::vector<std::string> kFields = {"rgb", "depth_zbuffer", "normal"};

/// A picture like a furnished room's: textured rectangles, each a plane with its own depth and normal.
Sample room_like_sample(std::int64_t number, std::int64_t side) {
  RandomStream stream(20, "bench sample", {static_cast<std::uint64_t>(number)});
  Sample sample;
  sample.key = {"bench", "scene", number};
  for (const std::string& name : kFields) sample.fields[name] = make_field_value(field_spec(name), side);
  const auto rgb = sample.fields["rgb"].as<std::uint8_t>();
  const auto depth = sample.fields["depth_zbuffer"].as<std::uint16_t>();
  const auto normal = sample.fields["normal"].as<std::uint8_t>();
  const double scale = 256.0 / static_cast<double>(side);
  for (int rectangle = 0; rectangle < 24; ++rectangle) {
    const bool background = rectangle == 0;
    const auto extent = [&] { return background ? side : std::max<std::int64_t>(4, static_cast<std::int64_t>(stream.uniform(0.1, 0.5) * static_cast<double>(side))); };
    const std::int64_t width = extent();
    const std::int64_t height = extent();
    const auto left = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - width + 1)));
    const auto top = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - height + 1)));
    const std::array<double, 3> colour = {stream.uniform(40, 215), stream.uniform(40, 215), stream.uniform(40, 215)};
    const std::array<double, 3> facing = {stream.normal(), stream.normal(), -std::abs(stream.normal()) - 0.3};
    const double length = std::hypot(facing[0], facing[1], facing[2]);
    const double distance = stream.uniform(500, 3000);
    const double frequency = stream.uniform(0.05, 0.9);
    const double grain = stream.uniform(0, 14);
    for (std::int64_t y = top; y < top + height; ++y) {
      for (std::int64_t x = left; x < left + width; ++x) {
        const auto pixel = static_cast<std::size_t>(y * side + x);
        const double u = static_cast<double>(x) * scale;
        const double v = static_cast<double>(y) * scale;
        const double texture = 18 * std::sin(frequency * u) * std::cos(frequency * 0.7 * v) + grain * (stream.uniform() - 0.5);
        depth[pixel] = static_cast<std::uint16_t>(std::clamp(distance + facing[0] * u + facing[1] * v, 1.0, 65000.0));
        for (std::size_t channel = 0; channel < 3; ++channel) {
          rgb[3 * pixel + channel] = static_cast<std::uint8_t>(std::clamp(colour[channel] + texture, 0.0, 255.0));
          normal[3 * pixel + channel] = static_cast<std::uint8_t>(std::lround((facing[channel] / length + 1) / 2 * 255));
        }
      }
    }
  }
  return sample;
}

void make_store(const std::string& path, std::int64_t count, std::int64_t side) {
  StoreInfo info;
  info.split = "train";
  info.image_side = side;
  info.fields = kFields;
  info.provenance = {{"program", "loader bench"}};
  StoreWriter writer(path, info);
  for (std::int64_t i = 0; i < count; ++i) writer.add(room_like_sample(i, side));
  writer.finish();
}

/// What a network eats: channels first, floats, one array with all fields of one sample.
using Tensors = std::vector<float>;

void planes_first(std::span<const std::uint8_t> interleaved, float scale, float offset, float* out) {
  const std::size_t pixels = interleaved.size() / 3;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      out[channel * pixels + i] = static_cast<float>(interleaved[3 * i + channel]) * scale + offset;
    }
  }
}

Tensors to_tensors(const Sample& sample, RandomStream&) {
  const auto depth = sample.field("depth_zbuffer").as<std::uint16_t>();
  Tensors tensors(7 * depth.size());
  planes_first(sample.field("rgb").as<std::uint8_t>(), 1.0F / 255, 0, tensors.data());
  planes_first(sample.field("normal").as<std::uint8_t>(), 2.0F / 255, -1, tensors.data() + 3 * depth.size());
  for (std::size_t i = 0; i < depth.size(); ++i) tensors[6 * depth.size() + i] = static_cast<float>(depth[i]) * (1.0F / 512);
  return tensors;
}

/// One epoch with each batch gathered into one array; images a second.
double run_epoch(Loader<Tensors>& loader, std::int64_t epoch, double& checksum) {
  const auto start = std::chrono::steady_clock::now();
  std::int64_t images = 0;
  std::vector<float> batch;
  loader.start(epoch);
  while (const auto items = loader.next()) {
    const std::size_t size = items->front().size();
    batch.resize(size * items->size());
    for (std::size_t i = 0; i < items->size(); ++i) std::memcpy(batch.data() + i * size, (*items)[i].data(), size * sizeof(float));
    checksum += batch[batch.size() / 2];
    images += static_cast<std::int64_t>(items->size());
  }
  return static_cast<double>(images) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Makes and times the store of the loader bench; run loader.py instead");
  app.require_subcommand(1);
  std::string path;
  std::int64_t count = 0;
  std::int64_t side = 0;
  CLI::App* make = app.add_subcommand("make", "write a store");
  make->add_option("STORE", path)->required();
  make->add_option("--count", count)->required();
  make->add_option("--side", side)->required();
  LoaderOptions options;
  options.fields = kFields;
  int epochs = 3;
  CLI::App* time = app.add_subcommand("time", "print images a second of each epoch after the first");
  time->add_option("STORE", path)->required();
  time->add_option("--batch", options.batch_size);
  time->add_option("--threads", options.threads);
  time->add_option("--epochs", epochs);
  CLI11_PARSE(app, argc, argv);
  try {
    if (*make) {
      make_store(path, count, side);
      return 0;
    }
    const Store store(path);
    Loader<Tensors> loader(store, options, to_tensors);
    double checksum = 0;
    run_epoch(loader, 0, checksum);
    for (int epoch = 1; epoch <= epochs; ++epoch) fmt::print("{:.2f}\n", run_epoch(loader, epoch, checksum));
    // The sum is used, so that no compiler leaves the work out.
    return std::isfinite(checksum) ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "loader bench: {}\n", error.what());
    return 1;
  }
}
