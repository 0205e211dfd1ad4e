#include "transfer/job_kinds.h"

#include <memory>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "transfer/chain_job.h"
#include "transfer/encode_job.h"
#include "transfer/joint_job.h"
#include "transfer/train_job.h"
#include "transfer/transfer_job.h"

namespace affinis::transfer {
namespace {

const char* trunk_name(TrunkKind trunk) {
  switch (trunk) {
    case TrunkKind::kEncoder: return "encoder";
    case TrunkKind::kShallow: return "shallow";
    case TrunkKind::kConstant: return "constant";
    case TrunkKind::kRandom: return "random";
  }
  return "";
}

TrunkKind trunk_by_name(const std::string& name) {
  for (const TrunkKind trunk : {TrunkKind::kEncoder, TrunkKind::kShallow, TrunkKind::kConstant, TrunkKind::kRandom}) {
    if (name == trunk_name(trunk)) return trunk;
  }
  fail(ErrorCode::kInternal, "a training job has the unknown trunk '{}'", name);
}

/// Relative durations, measured at desk scale on one core: a step of encoder and decoder, of a frozen encoder and a decoder, of a
/// decoder alone, of a constant.
constexpr double kEncoderStepCost = 4;
constexpr double kFrozenStepCost = 2;
constexpr double kDecoderStepCost = 1;
constexpr double kConstantStepCost = 0.1;
constexpr double kStepsPerEpochGuess = 16;

double steps_of(const train::TrainerOptions& options) {
  return options.steps > 0 ? static_cast<double>(options.steps) : static_cast<double>(options.epochs) * kStepsPerEpochGuess;
}

}  // namespace

std::string joint_source_name(const std::vector<std::string>& tasks) { return "joint:" + join(tasks, "&"); }

std::string chain_source_name(const std::string& first, const std::string& through) { return kChainPrefix + first + ">" + through; }

std::string encode_job_name(const std::string& source) { return "encode/" + source; }

nlohmann::json to_json(const TrainSpec& spec) {
  nlohmann::json json = {{"study", to_json(spec.study)},
          {"task", spec.task},
          {"trunk", trunk_name(spec.trunk)},
          {"split", spec.split},
          {"role", spec.role},
          {"trainer", train::to_json(spec.trainer)},
          {"validation_images", spec.validation_images},
          {"keep_weights", spec.keep_weights}};
  // Absent by default: identities of before stay.
  if (spec.local_norms) json["local_norms"] = true;
  if (!spec.start.job.empty()) json["start"] = {{"job", spec.start.job}};
  if (!spec.start.hash.empty()) json["start"] = {{"hash", spec.start.hash}};
  return json;
}

TrainSpec train_spec_from_json(const nlohmann::json& json) {
  TrainSpec spec;
  spec.study = study_spec_from_json(json.at("study"));
  spec.task = json.at("task").get<std::string>();
  spec.trunk = trunk_by_name(json.at("trunk").get<std::string>());
  spec.split = json.at("split").get<std::string>();
  spec.role = json.at("role").get<std::string>();
  spec.trainer = train::trainer_options_from_json(json.at("trainer"));
  spec.validation_images = json.at("validation_images").get<std::int64_t>();
  spec.keep_weights = json.at("keep_weights").get<bool>();
  spec.local_norms = json.value("local_norms", false);
  const nlohmann::json start = json.value("start", nlohmann::json::object());
  spec.start = {start.value("job", std::string()), start.value("hash", std::string())};
  return spec;
}

nlohmann::json to_json(const EncodeSpec& spec) {
  nlohmann::json json = {{"study", to_json(spec.study)}, {"source", spec.source}};
  if (!spec.tasks.empty()) json["tasks"] = spec.tasks;
  return json;
}

EncodeSpec encode_spec_from_json(const nlohmann::json& json) {
  return {study_spec_from_json(json.at("study")), json.at("source").get<std::string>(), json.value("tasks", std::vector<std::string>{})};
}

nlohmann::json to_json(const TransferSpec& spec) {
  nlohmann::json json = {{"study", to_json(spec.study)},
          {"sources", spec.sources},
          {"target", spec.target},
          {"trainer", train::to_json(spec.trainer)},
          {"clip_sigma", spec.clip_sigma},
          {"keep_weights", spec.keep_weights}};
  if (spec.keep_function) json["keep_function"] = true;
  if (spec.until > 0) {
    json["until"] = spec.until;
    json["compared_after"] = spec.compared_after;
  }
  return json;
}

TransferSpec transfer_spec_from_json(const nlohmann::json& json) {
  TransferSpec spec;
  spec.study = study_spec_from_json(json.at("study"));
  spec.sources = json.at("sources").get<std::vector<std::string>>();
  spec.target = json.at("target").get<std::string>();
  spec.trainer = train::trainer_options_from_json(json.at("trainer"));
  spec.clip_sigma = json.at("clip_sigma").get<double>();
  spec.keep_weights = json.at("keep_weights").get<bool>();
  spec.keep_function = json.value("keep_function", false);
  spec.until = json.value("until", std::int64_t{0});
  spec.compared_after = json.value("compared_after", std::int64_t{0});
  return spec;
}

nlohmann::json to_json(const ChainSpec& spec) {
  return {{"study", to_json(spec.study)}, {"first", spec.first}, {"through", spec.through}, {"transfer_job", spec.transfer_job}};
}

ChainSpec chain_spec_from_json(const nlohmann::json& json) {
  return {study_spec_from_json(json.at("study")), json.at("first").get<std::string>(), json.at("through").get<std::string>(),
          json.at("transfer_job").get<std::string>()};
}

nlohmann::json to_json(const JointSpec& spec) {
  nlohmann::json json = {{"study", to_json(spec.study)},
                         {"tasks", spec.tasks},
                         {"trainer", train::to_json(spec.trainer)},
                         {"validation_images", spec.validation_images},
                         {"keep_weights", spec.keep_weights}};
  // The seed means nothing where nothing is drawn by it.
  if (spec.missing_labels > 0) {
    json["missing_labels"] = spec.missing_labels;
    json["missing_seed"] = spec.missing_seed;
  }
  return json;
}

JointSpec joint_spec_from_json(const nlohmann::json& json) {
  JointSpec spec;
  spec.study = study_spec_from_json(json.at("study"));
  spec.tasks = json.at("tasks").get<std::vector<std::string>>();
  spec.trainer = train::trainer_options_from_json(json.at("trainer"));
  spec.validation_images = json.at("validation_images").get<std::int64_t>();
  spec.keep_weights = json.at("keep_weights").get<bool>();
  spec.missing_labels = json.value("missing_labels", 0.0);
  spec.missing_seed = json.value("missing_seed", std::int64_t{1});
  return spec;
}

TrainSpec train_spec_of(const run::Job& job) {
  TrainSpec spec = train_spec_from_json(job.spec);
  train::take_manner(spec.trainer, job.manner);
  return spec;
}

TransferSpec transfer_spec_of(const run::Job& job) {
  TransferSpec spec = transfer_spec_from_json(job.spec);
  train::take_manner(spec.trainer, job.manner);
  return spec;
}

JointSpec joint_spec_of(const run::Job& job) {
  JointSpec spec = joint_spec_from_json(job.spec);
  train::take_manner(spec.trainer, job.manner);
  return spec;
}

std::filesystem::path head_folder(const std::string& task) { return std::filesystem::path("heads") / task; }

std::string rung_job_name(const std::vector<std::string>& sources, const std::string& target, std::int64_t until) {
  return fmt::format("{}{}--{}@{}", kRungPrefix, join(sources, "+"), target, until);
}

run::Job make_train_job(const TrainSpec& spec, const std::string& name, std::vector<std::string> inputs) {
  run::Job job;
  job.kind = kTrainKind;
  job.name = name;
  job.spec = to_json(spec);
  job.manner = train::manner_to_json(spec.trainer);
  job.inputs = std::move(inputs);
  if (!spec.start.job.empty()) job.inputs.push_back(spec.start.job);
  job.group = spec.task;
  const double step = spec.trunk == TrunkKind::kEncoder   ? kEncoderStepCost
                      : spec.trunk == TrunkKind::kRandom  ? kFrozenStepCost
                      : spec.trunk == TrunkKind::kShallow ? kDecoderStepCost
                                                          : kConstantStepCost;
  job.cost = step * steps_of(spec.trainer);
  return job;
}

run::Job make_encode_job(const EncodeSpec& spec, const std::string& name, const std::string& network_job,
                         std::vector<std::string> inputs) {
  run::Job job;
  job.kind = kEncodeKind;
  job.name = name;
  job.spec = to_json(spec);
  job.inputs = std::move(inputs);
  job.inputs.push_back(network_job);
  job.group = spec.source;
  constexpr double kEncodeCost = 20;
  job.cost = kEncodeCost;
  return job;
}

run::Job make_transfer_job(const TransferSpec& spec, const std::string& name, const std::vector<std::string>& encode_jobs,
                           std::vector<std::string> inputs, const std::string& earlier) {
  run::Job job;
  job.kind = kTransferKind;
  job.name = name;
  job.spec = to_json(spec);
  job.manner = train::manner_to_json(spec.trainer);
  job.inputs = std::move(inputs);
  job.inputs.insert(job.inputs.end(), encode_jobs.begin(), encode_jobs.end());
  if (!earlier.empty()) job.inputs.push_back(earlier);
  job.group = spec.target;
  job.cost = kDecoderStepCost * (spec.until > 0 ? static_cast<double>(spec.until) : steps_of(spec.trainer));
  return job;
}

run::Job make_chain_job(const ChainSpec& spec) {
  run::Job job;
  job.kind = kChainKind;
  job.name = encode_job_name(chain_source_name(spec.first, spec.through));
  job.spec = to_json(spec);
  job.inputs = {encode_job_name(spec.first), spec.transfer_job};
  job.group = spec.through;
  constexpr double kChainCost = 2;
  job.cost = kChainCost;
  return job;
}

run::Job make_joint_job(const JointSpec& spec, const std::string& name, std::vector<std::string> inputs) {
  run::Job job;
  job.kind = kJointKind;
  job.name = name;
  job.spec = to_json(spec);
  job.manner = train::manner_to_json(spec.trainer);
  job.inputs = std::move(inputs);
  job.group = join(spec.tasks, "+");
  const double step = kEncoderStepCost - kDecoderStepCost + kDecoderStepCost * static_cast<double>(spec.tasks.size());
  job.cost = step * steps_of(spec.trainer);
  return job;
}

void register_job_kinds(run::JobKinds& kinds, const StudyEnvironment& environment) {
  kinds.add(kTrainKind, {}, make_train_kind(environment));
  kinds.add(kEncodeKind, {}, make_encode_kind(environment));
  kinds.add(kTransferKind, {}, make_transfer_kind(environment));
  kinds.add(kChainKind, {}, make_chain_kind());
  kinds.add(kJointKind, {}, make_joint_kind(environment));
}

}  // namespace affinis::transfer
