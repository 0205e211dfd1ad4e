#include "experiments/study/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/core.h>

#include "experiments/commands/intervals_json.h"
#include "experiments/study/expected.h"
#include "experiments/study/finetune_summary.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "framework/data/data_set.h"
#include "taxonomy/delta_m.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

/// Mean of what the trainings hold at one place; null where it is not a number in any of them.
nlohmann::json mean_at(const std::vector<nlohmann::json>& trainings, const nlohmann::json::json_pointer& place) {
  std::vector<double> values;
  for (const nlohmann::json& each : trainings) {
    if (each.contains(place) && each.at(place).is_number()) values.push_back(each.at(place).get<double>());
  }
  return values.empty() ? nlohmann::json(nullptr) : number(taxonomy::student_interval(values).value);
}

/// result.json of a network with what done.json says of its time. Of several seeds it is the first one's, with means of losses, metrics and
/// seconds, and "seed_losses": {"values", "low", "high"}.
nlohmann::json network_json(const std::vector<std::string>& jobs, const Results& results) {
  std::vector<nlohmann::json> trainings;
  std::vector<double> losses;
  for (const std::string& job : jobs) {
    const auto it = results.find(job);
    if (it == results.end()) continue;
    nlohmann::json& training = trainings.emplace_back(read_json(it->second / transfer::kResultFile));
    const nlohmann::json done = read_json(it->second / "done.json");
    training["seconds"] = done.value("seconds", nlohmann::json(nullptr));
    losses.push_back(training.at("mean_loss").is_number() ? training.at("mean_loss").get<double>() : std::nan(""));
  }
  nlohmann::json result = trainings.front();
  if (jobs.size() == 1) return result;
  using Pointer = nlohmann::json::json_pointer;
  for (const char* key : {"mean_loss", "seconds"}) result[key] = mean_at(trainings, Pointer("") / key);
  for (std::size_t i = 0; i < result.at("metrics").size(); ++i) result["metrics"][i]["value"] = mean_at(trainings, Pointer("/metrics") / i / "value");
  const taxonomy::Interval interval = taxonomy::student_interval(losses);
  result["seed_losses"] = {{"values", nlohmann::json::array()}, {"low", number(interval.low)}, {"high", number(interval.high)}};
  for (const double loss : losses) result["seed_losses"]["values"].push_back(number(loss));
  return result;
}

nlohmann::json picture_list(const std::filesystem::path& job, const std::filesystem::path& folder, const char* what,
                            std::int64_t count) {
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::filesystem::path path = job / transfer::kPictureFolder / fmt::format("{}.{}.png", what, i);
    if (std::filesystem::exists(path)) list.push_back(std::filesystem::relative(path, folder).generic_string());
  }
  return list;
}

nlohmann::json task_json(const StudyGraph& study, const std::string& task, const Results& results,
                         const std::filesystem::path& folder) {
  const task::TaskInfo& info = study.registry().get(task)->info;
  const std::int64_t pictures = study.options().data.pictures;
  const auto is_in = [&](const std::vector<std::string>& names) { return std::find(names.begin(), names.end(), task) != names.end(); };
  nlohmann::json json = {{"name", info.name},     {"display_name", info.display_name}, {"family", info.family}, {"doc", info.doc},
                         {"loss", info.loss},     {"source", is_in(study.sources())},  {"target", is_in(study.targets())},
                         {"networks", nlohmann::json::object()}, {"transfers", nlohmann::json::object()}};
  nlohmann::json predictions = nlohmann::json::object();
  const auto add = [&](const char* kind, const std::string& name, const std::vector<std::string>& jobs) {
    const auto it = results.find(jobs.front());
    if (it == results.end()) return;
    json[kind][name] = network_json(jobs, results);
    predictions[name] = picture_list(it->second, folder, "prediction", pictures);
  };
  add("networks", transfer::kSelfRole, {StudyGraph::network_job(task)});
  for (const char* role : kBaselineRoles) add("networks", role, study.baseline_jobs(role, task));
  for (const run::Job& job : study.graph().jobs()) {
    if (!is_whole_transfer(job) || job.spec.at("target") != task) continue;
    const Candidate candidate{job.spec.at("sources").get<std::vector<std::string>>(), task};
    add("transfers", join(candidate.sources, "+"), study.transfer_jobs(candidate));
  }
  const auto own = results.find(StudyGraph::network_job(task));
  if (own != results.end()) {
    json["pictures"] = {{"inputs", picture_list(own->second, folder, "input", pictures)},
                        {"targets", picture_list(own->second, folder, "target", pictures)},
                        {"predictions", predictions}};
  }
  return json;
}

nlohmann::json tournament_json(const taxonomy::TargetAffinity& affinity, std::int64_t seeds) {
  const taxonomy::Tournament& tournament = affinity.tournament;
  nlohmann::json wins = nlohmann::json::array();
  for (std::size_t i = 0; i < tournament.networks.size(); ++i) {
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t j = 0; j < tournament.networks.size(); ++j) row.push_back(number(tournament.win(i, j)));
    wins.push_back(std::move(row));
  }
  return {{"target", tournament.target},         {"images", tournament.images / seeds},  {"networks", tournament.networks}, {"wins", wins},
          {"affinity", affinity.ahp.affinity},   {"iterations", affinity.ahp.iterations}, {"eigenvalue", number(affinity.ahp.eigenvalue)}};
}

/// Win rate of one network of the table over another by name; null when one of them is missing.
nlohmann::json win_rate(const taxonomy::LossTable& table, const std::string& row, const std::string& column) {
  const std::size_t i = table.find(row);
  const std::size_t j = table.find(column);
  const std::size_t none = table.networks.size();
  return i == none || j == none ? nlohmann::json(nullptr) : number(taxonomy::win_rate(table, i, j));
}

nlohmann::json data_json(const StudyGraph& study, const Results& results) {
  const auto rendered = results.find(transfer::kDataJob);
  const std::filesystem::path folder = rendered != results.end() ? rendered->second : std::filesystem::path(study.options().data.folder);
  if (folder.empty()) return nullptr;
  const data::DataSet data(folder);
  nlohmann::json json = {{"splits", nlohmann::json::object()}};
  for (const char* split : {data::kTrainSplit, data::kTransferSplit, data::kTestSplit}) {
    const data::Store& store = data.split(split);
    std::set<std::string> buildings;
    for (std::int64_t i = 0; i < store.size(); ++i) buildings.insert(store.key(i).building);
    json["splits"][split] = {{"images", store.size()}, {"buildings", buildings.size()}};
  }
  const std::filesystem::path attribution = folder / "ATTRIBUTION.txt";
  if (std::filesystem::exists(attribution)) json["attribution"] = read_file(attribution);
  return json;
}

/// Sets of `order` sources that could have been tried for all targets, the target itself left out of sets above order 1.
double possible(const StudyGraph& study, std::int64_t order) {
  double total = 0;
  for (const std::string& target : study.targets()) {
    const auto& sources = study.sources();
    const bool own = std::find(sources.begin(), sources.end(), target) != sources.end();
    const auto count = static_cast<double>(sources.size()) - (order > 1 && own ? 1 : 0);
    double sets = 1;
    for (std::int64_t k = 0; k < order; ++k) sets *= (count - static_cast<double>(k)) / static_cast<double>(k + 1);
    total += std::round(sets);
  }
  return total;
}

nlohmann::json not_tried_json(const StudyGraph& study) {
  std::map<std::int64_t, std::int64_t> tried;
  for (const run::Job& job : study.graph().jobs()) {
    if (is_whole_transfer(job)) ++tried[static_cast<std::int64_t>(job.spec.at("sources").size())];
  }
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t order = 1; order <= study.options().search.max_order; ++order) {
    list.push_back({{"order", order}, {"possible", possible(study, order)}, {"tried", tried[order]}});
  }
  return list;
}

/// What an adaptive search did not train to its end, and how sure it was.
nlohmann::json dropped_json(const StudyGraph& study, const AffinityMap& expected) {
  nlohmann::json list = nlohmann::json::array();
  for (const DroppedTransfer& dropped : study.dropped()) {
    const std::string sources = join(dropped.candidate.sources, "+");
    const auto target = expected.find(dropped.candidate.target);
    const bool known = target != expected.end() && target->second.contains(sources);
    const double affinity = known ? target->second.at(sources) : std::numeric_limits<double>::quiet_NaN();
    list.push_back({{"target", dropped.candidate.target},
                    {"sources", sources},
                    {"steps", dropped.steps},
                    {"leader", dropped.leader},
                    {"win_rate", number(dropped.win_rate)},
                    {"low", number(dropped.low)},
                    {"high", number(dropped.high)},
                    {"per_image", number(dropped.per_image)},
                    {"expected_affinity", number(affinity)}});
  }
  return list;
}

nlohmann::json costs_json(const StudyGraph& study, const Results& results) {
  std::vector<std::string> stages;
  std::map<std::string, std::pair<std::int64_t, double>> costs;
  for (const run::Job& job : study.graph().jobs()) {
    const auto it = results.find(job.name);
    if (it == results.end()) continue;
    if (!costs.contains(job.stage())) stages.push_back(job.stage());
    auto& [jobs, seconds] = costs[job.stage()];
    ++jobs;
    seconds += read_json(it->second / "done.json").value("seconds", 0.0);
  }
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& stage : stages) {
    list.push_back({{"stage", stage}, {"jobs", costs[stage].first}, {"seconds", costs[stage].second}});
  }
  return list;
}

nlohmann::json failures_json(const run::RunSummary& run) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, outcome] : run.jobs) {
    const bool failed = outcome.state == run::JobOutcome::State::kFailed || outcome.state == run::JobOutcome::State::kBlocked;
    if (failed) list.push_back({{"job", name}, {"error", outcome.error}});
  }
  return list;
}

}  // namespace

nlohmann::json study_summary(const StudyGraph& study, const run::RunSummary& run, const std::filesystem::path& folder,
                             const std::vector<taxonomy::LossTable>& tables,
                             const std::vector<taxonomy::TargetAffinity>& affinities, const Intervals& intervals, const AffinityMap& expected) {
  const Results results = results_of(run);
  const StudyOptions& options = study.options();
  nlohmann::json summary = {{"format", 1},
                            {"name", options.name.name},
                            {"description", options.name.description},
                            {"finished", run.complete()},
                            {"scale", {{"image_side", options.scale.image_side}, {"width", options.scale.width}}},
                            {"paper_compatible", options.tasks.paper_compatible},
                            {"gain_against", options.taxonomy.gain_against},
                            {"data", data_json(study, results)},
                            {"tasks", nlohmann::json::array()},
                            {"tournaments", nlohmann::json::array()},
                            {"baselines", nlohmann::json::object()},
                            {"costs", costs_json(study, results)},
                            {"not_tried", not_tried_json(study)},
                            {"dropped", dropped_json(study, expected)},
                            {"failures", failures_json(run)}};
  if (!options.finetune.policies.empty()) summary["finetune"] = finetune_summary(study, results);
  if (options.search.seeds > 1) summary["seeds"] = options.search.seeds;
  double seconds = 0;
  for (const nlohmann::json& cost : summary["costs"]) seconds += cost.at("seconds").get<double>();
  summary["seconds"] = seconds;
  for (const std::string& task : study.tasks()) summary["tasks"].push_back(task_json(study, task, results, folder));
  for (std::size_t t = 0; t < affinities.size(); ++t) {
    nlohmann::json tournament = tournament_json(affinities[t], options.search.seeds);
    if (!intervals.seeds.empty()) tournament["seeds"] = seeds_json(intervals.seeds[t]);
    if (!intervals.targets.empty()) tournament["intervals"] = intervals_json(intervals.targets[t], intervals.units, intervals.options);
    summary["tournaments"].push_back(std::move(tournament));
  }
  for (const taxonomy::LossTable& table : tables) {
    nlohmann::json shallow = nlohmann::json::object();
    for (const std::string& network : table.networks) shallow[network] = win_rate(table, network, "shallow");
    summary["baselines"][table.target] = {{"gain_against", options.taxonomy.gain_against}, {"shallow_gain", shallow}};
  }
  for (nlohmann::json& task : summary["tasks"]) {
    const taxonomy::LossTable table = own_losses(study, task.at("name").get<std::string>(), results);
    task["beats_constant"] = win_rate(table, transfer::kSelfRole, "constant");
    task["beats_random_encoder"] = win_rate(table, transfer::kSelfRole, transfer::kRandomEncoderRole);
    task["beats_scratch"] = win_rate(table, transfer::kSelfRole, "scratch");
  }
  return summary;
}

}  // namespace affinis::experiments
