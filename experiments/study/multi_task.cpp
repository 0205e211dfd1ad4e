#include "experiments/study/multi_task.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/study/telemetry.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "framework/data/data_set.h"
#include "taxonomy/csv.h"
#include "taxonomy/delta_m.h"
#include "transfer/loss_file.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;
using taxonomy::Interval;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// One set of tasks under one balancer and share of missing labels, all its seeds that are done.
struct Arm {
  JointTraining training;  ///< of the first seed
  std::vector<std::pair<std::int64_t, fs::path>> seeds;

  bool same(const JointTraining& other) const {
    return training.tasks == other.tasks && training.balancer == other.balancer && training.missing_labels == other.missing_labels;
  }
};

std::vector<Arm> finished_arms(const StudyGraph& study, const Results& results) {
  std::vector<Arm> arms;
  for (const JointTraining& training : study.joint()) {
    const auto done = results.find(training.job_name());
    if (done == results.end()) continue;
    auto arm = std::find_if(arms.begin(), arms.end(), [&](const Arm& each) { return each.same(training); });
    if (arm == arms.end()) arm = arms.insert(arms.end(), {training, {}});
    arm->seeds.emplace_back(training.seed, done->second);
  }
  return arms;
}

struct Finish {
  double validation = kNan;
  double early = kNan;
};

double number_of(const nlohmann::json& json) { return json.is_number() ? json.get<double>() : kNan; }

/// Validation losses at the end of a curve, and at the first point from `share` of the steps on.
Finish finish_of(const nlohmann::json& result, double share) {
  Finish finish;
  const double steps = result.at("steps").get<double>();
  for (const nlohmann::json& point : result.at("curve")) {
    finish.validation = number_of(point.at("validation_loss"));
    if (std::isnan(finish.early) && point.at("step").get<double>() >= share * steps) finish.early = finish.validation;
  }
  return finish;
}

nlohmann::json interval_json(const Interval& interval) {
  return {{"value", number(interval.value)}, {"low", number(interval.low)}, {"high", number(interval.high)}};
}

class Comparison {
 public:
  Comparison(const StudyGraph& study, const Results& results) : study_(study), results_(results) {
    options_.draws = study.options().taxonomy.draws;
    const auto rendered = results.find(transfer::kDataJob);
    const data::DataSet data(rendered != results.end() ? rendered->second : fs::path(study.options().data.folder));
    const data::Store& store = data.split(data::kTestSplit);
    for (std::int64_t i = 0; i < store.size(); ++i) buildings_.push_back(store.key(i).building);
  }

  /// The task's own network with this seed; nothing where it was not trained or did not finish.
  std::optional<fs::path> single(const std::string& task, std::int64_t seed) const {
    const auto done = results_.find(study_.single_job(task, seed));
    return done == results_.end() ? std::nullopt : std::optional(done->second);
  }

  nlohmann::json arm_json(const Arm& arm) const {
    const std::vector<std::string>& tasks = arm.training.tasks;
    nlohmann::json json = {{"tasks", tasks},
                           {"label", arm.training.label()},
                           {"balancer", arm.training.balancer},
                           {"missing_labels", arm.training.missing_labels},
                           {"seeds", nlohmann::json::array()},
                           {"telemetry", telemetry_json(arm.seeds.front().second, tasks)}};
    const nlohmann::json whole = read_json(arm.seeds.front().second / transfer::kResultFile);
    json["parameters"] = whole.at("parameters");
    json["trunk_parameters"] = whole.at("trunk_parameters");
    double seconds = 0;
    for (const auto& [seed, folder] : arm.seeds) {
      json["seeds"].push_back(seed);
      seconds += read_json(folder / "done.json").value("seconds", 0.0);
    }
    json["seconds"] = seconds / static_cast<double>(arm.seeds.size());
    std::vector<std::vector<std::vector<taxonomy::MetricPair>>> metrics;  // seed, task, metric
    std::vector<taxonomy::LossTable> tables;
    nlohmann::json per_task = nlohmann::json::array();
    for (const std::string& task : tasks) per_task.push_back(task_json(arm, task, metrics, tables));
    json["delta_m"] = nullptr;
    if (!tables.empty()) {
      const taxonomy::TestUnits units = taxonomy::test_units(tables);
      const taxonomy::LossChanges changes = taxonomy::loss_changes(tables, units, options_);
      json["delta_m"] = delta_json(metrics, tables, units);
      json["delta_m"]["images"] = interval_json(changes.mean);
      json["delta_m"]["images"].update({{"unit", taxonomy::test_unit_name(units.unit)}, {"units", units.count}, {"draws", options_.draws}});
      for (std::size_t t = 0; t < tasks.size(); ++t) {
        per_task[t]["loss_change"] = interval_json(changes.tasks[t].change);
        per_task[t]["win_rate"] = number(changes.tasks[t].win_rate);
      }
    }
    json["per_task"] = std::move(per_task);
    return json;
  }

 private:
  /// One head beside the task's own network: losses and metrics as means over seeds; adds what whole averages are made of.
  nlohmann::json task_json(const Arm& arm, const std::string& task, std::vector<std::vector<std::vector<taxonomy::MetricPair>>>& metrics,
                           std::vector<taxonomy::LossTable>& tables) const {
    nlohmann::json json = {{"task", task}, {"metrics", nlohmann::json::array()}};
    std::vector<double> losses;
    std::vector<double> own_losses;
    std::vector<double> changes;
    std::vector<fs::path> joint_folders;
    std::vector<fs::path> own_folders;
    std::size_t compared = 0;
    for (const auto& [seed, folder] : arm.seeds) {
      const fs::path head = folder / transfer::head_folder(task);
      const nlohmann::json result = read_json(head / transfer::kResultFile);
      losses.push_back(number_of(result.at("mean_loss")));
      const std::optional<fs::path> own = comparable(arm, seed) ? single(task, seed) : std::nullopt;
      const nlohmann::json own_result = own ? read_json(*own / transfer::kResultFile) : nlohmann::json();
      if (own) {
        own_losses.push_back(number_of(own_result.at("mean_loss")));
        changes.push_back(taxonomy::relative_change({losses.back(), own_losses.back(), false}));
        joint_folders.push_back(head);
        own_folders.push_back(*own);
      }
      std::vector<taxonomy::MetricPair> pairs;
      for (std::size_t m = 0; m < result.at("metrics").size(); ++m) {
        const nlohmann::json& metric = result.at("metrics")[m];
        const double value = number_of(metric.at("value"));
        const double reference = own ? number_of(own_result.at("metrics").at(m).at("value")) : kNan;
        pairs.push_back({value, reference, metric.at("higher_is_better").get<bool>()});
        if (json["metrics"].size() <= m) {
          json["metrics"].push_back({{"name", metric.at("name")},
                                     {"unit", metric.at("unit")},
                                     {"higher_is_better", metric.at("higher_is_better")},
                                     {"joint_values", nlohmann::json::array()},
                                     {"single_values", nlohmann::json::array()}});
        }
        json["metrics"][m]["joint_values"].push_back(number(value));
        json["metrics"][m]["single_values"].push_back(number(reference));
      }
      if (!own) continue;
      if (metrics.size() <= compared) metrics.emplace_back();
      metrics[compared++].push_back(std::move(pairs));
    }
    for (nlohmann::json& metric : json["metrics"]) {
      metric["joint"] = number(mean_of(metric["joint_values"]));
      metric["single"] = number(mean_of(metric["single_values"]));
      metric["change"] = number(taxonomy::relative_change(
          {mean_of(metric["joint_values"]), mean_of(metric["single_values"]), metric.at("higher_is_better").get<bool>()}));
      metric.erase("joint_values");
      metric.erase("single_values");
    }
    json["loss"] = number(taxonomy::student_interval(losses).value);
    json["losses"] = list(losses);
    json["single_loss"] = number(taxonomy::student_interval(own_losses).value);
    json["single_losses"] = list(own_losses);
    json["change"] = interval_json(taxonomy::student_interval(changes));
    if (!joint_folders.empty()) tables.push_back(loss_table(task, joint_folders, own_folders));
    return json;
  }

  /// First the joint networks, then the task's own.
  taxonomy::LossTable loss_table(const std::string& task, const std::vector<fs::path>& joint, const std::vector<fs::path>& own) const {
    taxonomy::LossTable table;
    table.target = task;
    std::vector<fs::path> all = joint;
    all.insert(all.end(), own.begin(), own.end());
    for (const fs::path& folder : all) {
      const transfer::LossFile file = transfer::read_loss_file(folder / transfer::kLossFile);
      if (table.networks.empty()) table.images = file.indices;
      AFFINIS_CHECK(file.indices == table.images, ErrorCode::kData,
                    "{} compares other images than the other networks of {}; remove its job folder and run again",
                    (folder / transfer::kLossFile).string(), task);
      table.networks.push_back((table.networks.size() < joint.size() ? "joint@" : "self@") + std::to_string(table.networks.size()));
      table.losses.insert(table.losses.end(), file.losses.begin(), file.losses.end());
    }
    for (const std::int64_t image : table.images) table.buildings.push_back(buildings_.at(static_cast<std::size_t>(image)));
    return table;
  }

  /// Whether every task of the arm has its own network of this seed, so that averages over tasks are of the same tasks for all seeds.
  bool comparable(const Arm& arm, std::int64_t seed) const {
    return std::all_of(arm.training.tasks.begin(), arm.training.tasks.end(), [&](const std::string& task) { return single(task, seed).has_value(); });
  }

  /// The averages over tasks: each seed's joint network against the same seed's own networks.
  static nlohmann::json delta_json(const std::vector<std::vector<std::vector<taxonomy::MetricPair>>>& metrics,
                                   const std::vector<taxonomy::LossTable>& tables, const taxonomy::TestUnits& units) {
    nlohmann::json json;
    for (const auto& [name, average] : {std::pair("metrics", taxonomy::ChangeAverage::kMetrics), std::pair("tasks", taxonomy::ChangeAverage::kTasks)}) {
      std::vector<double> values;
      for (const auto& seed : metrics) values.push_back(taxonomy::delta_m(seed, average));
      json[name] = interval_json(taxonomy::student_interval(values));
      json[name]["seeds"] = list(values);
    }
    std::vector<double> values;
    for (std::size_t s = 0; s < metrics.size(); ++s) values.push_back(loss_change_of_seed(tables, s, units));
    json["losses"] = interval_json(taxonomy::student_interval(values));
    json["losses"]["seeds"] = list(values);
    return json;
  }

  /// Mean over tasks of the change of one seed's mean loss.
  static double loss_change_of_seed(const std::vector<taxonomy::LossTable>& tables, std::size_t seed, const taxonomy::TestUnits& units) {
    std::vector<taxonomy::LossTable> own;
    for (const taxonomy::LossTable& table : tables) {
      const std::size_t images = table.images.size();
      const std::size_t half = table.networks.size() / 2;
      taxonomy::LossTable one;
      one.target = table.target;
      one.images = table.images;
      for (const std::size_t network : {seed, half + seed}) {
        one.networks.push_back(table.networks[network]);
        const auto begin = table.losses.begin() + static_cast<std::ptrdiff_t>(network * images);
        one.losses.insert(one.losses.end(), begin, begin + static_cast<std::ptrdiff_t>(images));
      }
      own.push_back(std::move(one));
    }
    taxonomy::BootstrapOptions none;
    none.draws = 0;
    return taxonomy::loss_changes(own, units, none).mean.value;
  }

  static nlohmann::json list(const std::vector<double>& values) {
    nlohmann::json json = nlohmann::json::array();
    for (const double value : values) json.push_back(number(value));
    return json;
  }

  static double mean_of(const nlohmann::json& values) {
    std::vector<double> numbers;
    for (const nlohmann::json& value : values) numbers.push_back(number_of(value));
    return taxonomy::student_interval(numbers).value;
  }

  const StudyGraph& study_;
  const Results& results_;
  taxonomy::BootstrapOptions options_;
  std::vector<std::string> buildings_;  ///< of each test image
};

/// Points of the plane of two tasks' losses that no other point beats in one without losing in the other.
std::vector<std::size_t> front_of(const std::vector<std::pair<double, double>>& points) {
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto dominated = [&](const std::pair<double, double>& other) {
      return other.first <= points[i].first && other.second <= points[i].second && other != points[i];
    };
    if (!std::isnan(points[i].first + points[i].second) && std::none_of(points.begin(), points.end(), dominated)) front.push_back(i);
  }
  std::sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  return front;
}

/// A plane for each group of two tasks, labels all there.
nlohmann::json pareto_json(const nlohmann::json& trainings) {
  std::vector<std::vector<std::string>> groups;
  for (const nlohmann::json& training : trainings) {
    auto tasks = training.at("tasks").get<std::vector<std::string>>();
    if (tasks.size() == 2 && std::find(groups.begin(), groups.end(), tasks) == groups.end()) groups.push_back(std::move(tasks));
  }
  nlohmann::json planes = nlohmann::json::array();
  for (const std::vector<std::string>& group : groups) {
    nlohmann::json points = nlohmann::json::array();
    std::vector<std::pair<double, double>> places;
    nlohmann::json own = nullptr;
    for (const nlohmann::json& training : trainings) {
      if (training.at("tasks") != group || training.at("missing_labels") != 0.0) continue;
      const nlohmann::json& a = training.at("per_task")[0];
      const nlohmann::json& b = training.at("per_task")[1];
      points.push_back({{"balancer", training.at("balancer")}, {"losses", {a.at("loss"), b.at("loss")}}, {"seeds", {a.at("losses"), b.at("losses")}}});
      places.emplace_back(number_of(a.at("loss")), number_of(b.at("loss")));
      own = {a.at("single_loss"), b.at("single_loss")};
    }
    if (!points.empty()) planes.push_back({{"tasks", group}, {"points", points}, {"front", front_of(places)}, {"single", own}});
  }
  return planes;
}

/// How each partner changes each task's loss, from pairs under the balancer that has most of them.
nlohmann::json partners_json(const nlohmann::json& trainings) {
  std::map<std::string, std::size_t> pairs;
  std::vector<std::string> order;
  for (const nlohmann::json& training : trainings) {
    if (training.at("tasks").size() != 2 || training.at("missing_labels") != 0.0 || training.at("delta_m").is_null()) continue;
    const auto balancer = training.at("balancer").get<std::string>();
    if (pairs[balancer]++ == 0) order.push_back(balancer);
  }
  if (order.empty()) return nullptr;
  const std::string balancer = *std::max_element(order.begin(), order.end(), [&](const auto& a, const auto& b) { return pairs[a] < pairs[b]; });
  std::vector<std::string> tasks;
  std::map<std::pair<std::string, std::string>, const nlohmann::json*> cells;
  for (const nlohmann::json& training : trainings) {
    if (training.at("tasks").size() != 2 || training.at("balancer") != balancer || training.at("missing_labels") != 0.0) continue;
    const auto pair = training.at("tasks").get<std::vector<std::string>>();
    for (const std::size_t t : {std::size_t{0}, std::size_t{1}}) {
      cells[{pair[t], pair[1 - t]}] = &training.at("per_task")[t];
      tasks.push_back(pair[t]);
    }
  }
  std::sort(tasks.begin(), tasks.end());
  tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
  nlohmann::json json = {{"balancer", balancer}, {"tasks", tasks}};
  for (const char* key : {"change", "low", "high", "seed_low", "seed_high"}) json[key] = nlohmann::json::array();
  for (const std::string& task : tasks) {
    nlohmann::json lines = nlohmann::json::object();
    for (const std::string& partner : tasks) {
      const auto cell = cells.find({task, partner});
      const bool known = cell != cells.end() && cell->second->contains("loss_change");
      lines["change"].push_back(known ? cell->second->at("loss_change").at("value") : nlohmann::json(nullptr));
      lines["low"].push_back(known ? cell->second->at("loss_change").at("low") : nlohmann::json(nullptr));
      lines["high"].push_back(known ? cell->second->at("loss_change").at("high") : nlohmann::json(nullptr));
      lines["seed_low"].push_back(known ? cell->second->at("change").at("low") : nlohmann::json(nullptr));
      lines["seed_high"].push_back(known ? cell->second->at("change").at("high") : nlohmann::json(nullptr));
    }
    for (const auto& [key, line] : lines.items()) json[key].push_back(line);
  }
  return json;
}

/// Rows of one network for the network table: means over seeds.
class NetworkRows {
 public:
  explicit NetworkRows(double early) : early_(early) {}

  void add(const std::string& network, const std::string& task, double cost, const std::vector<fs::path>& folders) {
    std::vector<double> validation;
    std::vector<double> early;
    std::vector<double> test;
    for (const fs::path& folder : folders) {
      const nlohmann::json result = read_json(folder / transfer::kResultFile);
      const Finish finish = finish_of(result, early_);
      validation.push_back(finish.validation);
      early.push_back(finish.early);
      test.push_back(number_of(result.at("mean_loss")));
    }
    text_ += taxonomy::csv_field(network) + "," + taxonomy::csv_field(task) + "," + taxonomy::csv_number(cost);
    for (const std::vector<double>* losses : {&validation, &early, &test}) {
      text_ += "," + taxonomy::csv_number(taxonomy::student_interval(*losses).value);
    }
    text_ += "\n";
  }

  const std::string& text() const { return text_; }

 private:
  double early_;
  std::string text_ = "network,task,cost,validation_loss,early_validation_loss,test_loss\n";
};

/// What TAG measured in the joint training of most tasks that it was asked of, means over seeds.
struct MeasuredAffinities {
  std::vector<std::string> tasks;
  std::string balancer;
  std::map<std::pair<std::string, std::string>, double> values;  ///< task, helper
};

MeasuredAffinities task_affinities(const std::vector<Arm>& arms) {
  const Arm* widest = nullptr;
  for (const Arm& arm : arms) {
    const bool measured = fs::exists(arm.seeds.front().second / "tag.csv");
    if (measured && (widest == nullptr || arm.training.tasks.size() > widest->training.tasks.size())) widest = &arm;
  }
  if (widest == nullptr) return {};
  std::map<std::pair<std::string, std::string>, std::vector<double>> values;
  for (const auto& [seed, folder] : widest->seeds) {
    for (const TaskAffinity& each : read_task_affinities(folder)) values[{each.task, each.helper}].push_back(each.affinity);
  }
  MeasuredAffinities measured{widest->training.tasks, widest->training.balancer, {}};
  for (const auto& [pair, each] : values) {
    if (pair.first != pair.second) measured.values[pair] = taxonomy::student_interval(each).value;
  }
  return measured;
}

void write_task_affinities(const std::vector<Arm>& arms, const fs::path& path) {
  const MeasuredAffinities measured = task_affinities(arms);
  if (measured.values.empty()) return;
  std::string text = "task,helper,affinity\n";
  for (const auto& [pair, value] : measured.values) {
    text += taxonomy::csv_field(pair.first) + "," + taxonomy::csv_field(pair.second) + "," + taxonomy::csv_number(value) + "\n";
  }
  write_file_atomically(path, text);
}

/// {"tasks", "balancer", "affinity": a line a task, a column a helper}; null where TAG was not measured.
nlohmann::json affinities_json(const std::vector<Arm>& arms) {
  const MeasuredAffinities measured = task_affinities(arms);
  if (measured.values.empty()) return nullptr;
  nlohmann::json matrix = nlohmann::json::array();
  for (const std::string& task : measured.tasks) {
    nlohmann::json line = nlohmann::json::array();
    for (const std::string& helper : measured.tasks) {
      const auto found = measured.values.find({task, helper});
      line.push_back(number(found == measured.values.end() ? kNan : found->second));
    }
    matrix.push_back(std::move(line));
  }
  return {{"tasks", measured.tasks}, {"balancer", measured.balancer}, {"affinity", std::move(matrix)}};
}

}  // namespace

nlohmann::json multi_task_json(const StudyGraph& study, const Results& results, Logger& logger) {
  const std::vector<Arm> arms = finished_arms(study, results);
  if (arms.empty()) return nullptr;
  const Comparison comparison(study, results);
  nlohmann::json trainings = nlohmann::json::array();
  for (const Arm& arm : arms) {
    try {
      trainings.push_back(comparison.arm_json(arm));
    } catch (const Error& error) {
      logger.warning("{} is left out of the comparison: {}", arm.training.job_name(), error.what());
    }
  }
  if (trainings.empty()) return nullptr;
  nlohmann::json singles = nlohmann::json::object();
  for (const std::string& task : study.joint_tasks()) {
    double seconds = 0;
    double count = 0;
    for (const std::int64_t seed : study.joint_seeds()) {
      const std::optional<fs::path> own = comparison.single(task, seed);
      if (!own) continue;
      seconds += read_json(*own / "done.json").value("seconds", 0.0);
      count += 1;
    }
    if (count > 0) singles[task] = {{"seconds", seconds / count}};
  }
  return {{"convention",
           {{"sign", "percent of the own network's value, negative is better"},
            {"metrics", "mean over all metrics of all tasks"},
            {"tasks", "mean over a task's metrics, then over tasks"},
            {"losses", "mean over tasks of the change of the mean test loss"},
            {"interval", "95 % by Student's t over seeds, each seed's joint network against the same seed's own networks"},
            {"images", "95 % over test sets drawn anew, losses averaged over seeds"}}},
          {"trainings", trainings},
          {"singles", singles},
          {"pareto", pareto_json(trainings)},
          {"partners", partners_json(trainings)},
          {"affinities", affinities_json(arms)}};
}

void write_group_tables(const StudyGraph& study, const Results& results, const fs::path& folder) {
  if (study.joint().empty()) return;
  const MultiTaskOptions& options = study.options().mtl;
  const std::vector<Arm> arms = finished_arms(study, results);
  NetworkRows rows(options.early);
  const auto add_own = [&](double cost, const auto& job_of) {
    for (const std::string& task : study.tasks()) {
      std::vector<fs::path> folders;
      for (const std::int64_t seed : study.joint_seeds()) {
        const auto done = results.find(job_of(task, seed));
        if (done != results.end()) folders.push_back(done->second);
      }
      if (!folders.empty()) rows.add(task, task, cost, folders);
    }
  };
  add_own(1, [&](const std::string& task, std::int64_t seed) { return study.single_job(task, seed); });
  if (options.narrow_width > 0) {
    const double ratio = static_cast<double>(options.narrow_width) / static_cast<double>(study.options().scale.width);
    add_own(ratio * ratio, [](const std::string& task, std::int64_t seed) { return StudyGraph::narrow_job(task, seed); });
  }
  const bool several = options.balancers.size() > 1;
  for (const Arm& arm : arms) {
    if (arm.training.missing_labels > 0) continue;
    const std::string name = arm.training.label() + (several ? " (" + arm.training.balancer + ")" : "");
    for (const std::string& task : arm.training.tasks) {
      std::vector<fs::path> folders;
      for (const auto& [seed, own] : arm.seeds) folders.push_back(own / transfer::head_folder(task));
      rows.add(name, task, 1, folders);
    }
  }
  write_file_atomically(folder / kNetworkTableFile, rows.text());
  write_task_affinities(arms, folder / kTaskAffinityFile);
}

}  // namespace affinis::experiments
