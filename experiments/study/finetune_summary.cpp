#include "experiments/study/finetune_summary.h"

#include <array>
#include <cmath>
#include <limits>

#include "framework/core/json.h"
#include "framework/core/json_number.h"

namespace affinis::experiments {
namespace {

/// 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom.
constexpr std::array<double, 30> kStudent = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
                                             2.200985,  2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
                                             2.079614,  2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272};
constexpr double kNormal = 1.959964;

double value_of(const nlohmann::json& json) { return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN(); }

void add_interval(nlohmann::json& json, const std::vector<double>& values) {
  const MeanInterval interval = mean_interval(values);
  json["mean"] = number(interval.mean);
  json["low"] = number(interval.low);
  json["high"] = number(interval.high);
}

nlohmann::json row_of(const StudyGraph& study, const Results& results, const std::string& task, const std::string& policy, std::int64_t images) {
  nlohmann::json row = {{"task", task},       {"policy", policy}, {"images", images}, {"seeds", nlohmann::json::array()}, {"losses", nlohmann::json::array()},
                        {"metrics", nlohmann::json::array()}, {"proofs", nlohmann::json::array()}};
  std::vector<double> losses;
  std::vector<std::vector<double>> metrics;
  double seconds = 0;
  std::int64_t phases = 0;
  bool proved = true;
  for (const std::int64_t seed : study.options().finetune.seeds) {
    const auto found = results.find(StudyGraph::finetune_job(task, policy, images, seed));
    if (found == results.end()) continue;
    const nlohmann::json result = read_json(found->second / transfer::kResultFile);
    losses.push_back(value_of(result.at("mean_loss")));
    row["seeds"].push_back(seed);
    row["losses"].push_back(number(losses.back()));
    row["used_images"] = result.at("images");
    for (std::size_t i = 0; i < result.at("metrics").size(); ++i) {
      const nlohmann::json& metric = result.at("metrics")[i];
      if (i >= metrics.size()) {
        metrics.emplace_back();
        row["metrics"].push_back({{"name", metric.at("name")}, {"unit", metric.at("unit")}, {"higher_is_better", metric.at("higher_is_better")},
                                  {"values", nlohmann::json::array()}});
      }
      metrics[i].push_back(value_of(metric.at("value")));
      row["metrics"][i]["values"].push_back(number(metrics[i].back()));
    }
    for (nlohmann::json proof : result.value("freeze_proof", nlohmann::json::array())) {
      ++phases;
      proof["seed"] = seed;
      row["proofs"].push_back(proof);
      proved = proved && proof.at("equal").get<bool>();
    }
    seconds += read_json(found->second / "done.json").value("seconds", 0.0);
  }
  if (losses.empty()) return nullptr;
  add_interval(row, losses);
  for (std::size_t i = 0; i < metrics.size(); ++i) add_interval(row["metrics"][i], metrics[i]);
  row["seconds"] = seconds;
  row["frozen_phases"] = phases;
  row["proved"] = phases > 0 ? nlohmann::json(proved) : nlohmann::json(nullptr);
  return row;
}

}  // namespace

MeanInterval mean_interval(const std::vector<double>& values) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {nan, nan, nan};
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / count;
  if (values.size() == 1) return {mean, nan, nan};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double quantile = values.size() - 2 < kStudent.size() ? kStudent[values.size() - 2] : kNormal;
  const double half = quantile * std::sqrt(squares / (count - 1) / count);
  return {mean, mean - half, mean + half};
}

nlohmann::json finetune_summary(const StudyGraph& study, const Results& results) {
  const FinetuneOptions& options = study.options().finetune;
  const std::string source = is_weight_file(options.source) ? std::filesystem::path(options.source).filename().string() : options.source;
  nlohmann::json json = {{"source", source}, {"rows", nlohmann::json::array()}, {"networks", nlohmann::json::object()}};
  for (const std::string& task : study.finetuned_tasks()) {
    for (const std::string& policy : options.policies) {
      for (const std::int64_t images : options.images) {
        nlohmann::json row = row_of(study, results, task, policy, images);
        if (!row.is_null()) json["rows"].push_back(std::move(row));
      }
    }
    const auto own = results.find(StudyGraph::network_job(task));
    if (own != results.end()) json["networks"][task] = read_json(own->second / transfer::kResultFile).at("mean_loss");
  }
  return json;
}

}  // namespace affinis::experiments
