#include "experiments/commands/run_losses.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <toml++/toml.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/array_file.h"
#include "framework/data/store.h"
#include "framework/run/journal.h"
#include "taxonomy/seeds.h"

namespace affinis::experiments {
namespace {

// Names of files and networks that transfer/ and study/ write.
constexpr const char* kLossFile = "losses.h5";
constexpr const char* kDoneFile = "done.json";
constexpr const char* kSettingsFile = "experiment.toml";
constexpr const char* kTestFile = "test.h5";
constexpr const char* kDataStage = "data";
constexpr std::array kOwnNetworks = {"self", "scratch", "shallow", "constant", "random_encoder"};

struct Settings {
  std::string data_folder;
  std::string gain_against;
};

Settings read_settings(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kSettingsFile;
  try {
    const toml::table table = toml::parse(read_file(path), path.string());
    return {table["data"]["folder"].value_or(std::string()),
            table["taxonomy"]["gain_against"].value_or(std::string("scratch"))};
  } catch (const toml::parse_error& problem) {
    fail(ErrorCode::kFormat, "{} line {}: {}; write it anew with 'affinis run'", path.string(),
         problem.source().begin.line, std::string(problem.description()));
  }
}

/// Per-image losses as a finished job left them.
struct Losses {
  std::filesystem::path path;
  std::string task;
  std::string network;
  std::vector<std::int64_t> images;
  std::vector<double> losses;
};

Losses read_loss_file(const std::filesystem::path& path) {
  const data::ArrayFile file = data::read_array_file(path, "losses");
  const auto images = file.array("index", path).as<std::int64_t>();
  const auto losses = file.array("loss", path).as<double>();
  AFFINIS_CHECK(images.size() == losses.size(), ErrorCode::kFormat,
                "{}: {} losses for {} images; make the file anew", path.string(), losses.size(),
                images.size());
  Losses result{path,
                file.attributes.value("task", ""),
                file.attributes.value("network", ""),
                {images.begin(), images.end()},
                {losses.begin(), losses.end()}};
  AFFINIS_CHECK(!result.task.empty() && !result.network.empty(), ErrorCode::kFormat,
                "{} does not say its task or network; make the file anew", path.string());
  return result;
}

/// One network's trainings: the first seed's, then the others', nothing for one that has not finished.
struct Network {
  std::vector<std::optional<Losses>> seeds;

  const Losses& first() const { return *seeds.front(); }
  /// Own network first, baselines, transfers: as the run's own analysis has them.
  std::size_t place() const {
    const auto found = std::find(kOwnNetworks.begin(), kOwnNetworks.end(), first().network);
    return static_cast<std::size_t>(found - kOwnNetworks.begin());
  }
};

/// Whether tournaments compare what the job trained: no part of a transfer, nothing fine-tuned.
bool is_compared(const run::JournalJob& job) {
  if (job.stage == "network") return job.name.find(kSeedSuffix) == std::string::npos;
  return job.stage == "transfer" || std::find(kOwnNetworks.begin(), kOwnNetworks.end(), job.stage) != kOwnNetworks.end();
}

std::map<std::string, std::vector<Network>> read_losses(const std::filesystem::path& folder,
                                                        const run::RunPlan& plan) {
  std::vector<std::string> order;
  std::map<std::string, Network> networks;
  for (const run::JournalJob& job : plan.jobs) {
    if (!is_compared(job)) continue;
    const std::string name = job.name.substr(0, job.name.find(kSeedSuffix));
    const auto [place, fresh] = networks.try_emplace(name);
    if (fresh) order.push_back(name);
    const std::filesystem::path path = folder / job.folder / kLossFile;
    const bool finished = std::filesystem::exists(folder / job.folder / kDoneFile) && std::filesystem::exists(path);
    place->second.seeds.push_back(finished ? std::optional(read_loss_file(path)) : std::nullopt);
  }
  std::map<std::string, std::vector<Network>> targets;
  for (const std::string& name : order) {
    Network& network = networks.at(name);
    if (network.seeds.front()) targets[network.first().task].push_back(std::move(network));
  }
  return targets;
}

taxonomy::LossTable make_table(const std::string& target, std::vector<Network> networks) {
  std::stable_sort(networks.begin(), networks.end(),
                   [](const Network& a, const Network& b) { return a.place() < b.place(); });
  std::size_t seeds = 1;
  for (const Network& network : networks) seeds = std::max(seeds, network.seeds.size());
  std::vector<taxonomy::LossTable> tables(seeds);
  const std::vector<std::int64_t>& images = networks.front().first().images;
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    tables[seed].target = target;
    tables[seed].images = images;
    for (const Network& network : networks) {
      tables[seed].networks.push_back(network.first().network);
      const std::optional<Losses>& losses = network.seeds.size() == 1 ? network.seeds.front() : network.seeds[seed];
      AFFINIS_CHECK(!losses || losses->images == images, ErrorCode::kData,
                    "{} compares other images than the other networks of {}; remove its job folder "
                    "and run again",
                    losses->path.string(), target);
      std::vector<double>& all = tables[seed].losses;
      if (losses) {
        all.insert(all.end(), losses->losses.begin(), losses->losses.end());
      } else {
        all.insert(all.end(), images.size(), std::numeric_limits<double>::quiet_NaN());
      }
    }
  }
  return taxonomy::join_seeds(tables);
}

/// Nothing when the run's data set is gone.
std::vector<std::string> test_buildings(const std::filesystem::path& folder,
                                        const run::RunPlan& plan, const Settings& settings,
                                        Logger& logger) {
  std::filesystem::path data = settings.data_folder;
  for (const run::JournalJob& job : plan.jobs) {
    if (job.stage == kDataStage) data = folder / job.folder;
  }
  const std::filesystem::path path = data / kTestFile;
  if (!std::filesystem::exists(path)) {
    logger.warning("{} is not there, so that the buildings of test images are not known",
                   path.string());
    return {};
  }
  const data::Store store(path);
  std::vector<std::string> buildings;
  for (std::int64_t i = 0; i < store.size(); ++i) buildings.push_back(store.key(i).building);
  return buildings;
}

void set_buildings(taxonomy::LossTable& table, const std::vector<std::string>& buildings) {
  if (buildings.empty()) return;
  for (const std::int64_t image : table.images) {
    AFFINIS_CHECK(
        image >= 0 && image < static_cast<std::int64_t>(buildings.size()), ErrorCode::kData,
        "the losses of {} are about image {}, but the test set has {}; the run's data set "
        "was changed, run again",
        table.target, image, buildings.size());
    table.buildings.push_back(buildings[static_cast<std::size_t>(image)]);
  }
}

}  // namespace

RunLosses read_run_losses(const std::filesystem::path& folder, Logger& logger) {
  const run::RunPlan plan = run::read_plan(folder);
  const Settings settings = read_settings(folder);
  RunLosses result;
  result.gain_against = settings.gain_against;
  for (auto& [target, networks] : read_losses(folder, plan)) {
    const bool any_transfer =
        std::any_of(networks.begin(), networks.end(),
                    [](const Network& network) { return network.place() == kOwnNetworks.size(); });
    const bool own = std::any_of(networks.begin(), networks.end(),
                                 [](const Network& network) { return network.place() == 0; });
    if (any_transfer && !own) {
      logger.warning("target {} is left out: its own network did not finish", target);
    }
    if (any_transfer && own) result.tables.push_back(make_table(target, std::move(networks)));
  }
  AFFINIS_CHECK(!result.tables.empty(), ErrorCode::kData,
                "{} has no target with a finished transfer and network; let the run go on, see "
                "'affinis status'",
                folder.string());
  const std::vector<std::string> buildings = test_buildings(folder, plan, settings, logger);
  for (taxonomy::LossTable& table : result.tables) set_buildings(table, buildings);
  return result;
}

}  // namespace affinis::experiments
