#include "framework/train/checkpoint.h"

#include <cmath>
#include <limits>
#include <map>
#include <system_error>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/nn/safetensors.h"

namespace affinis::train {
namespace {

constexpr int kVersion = 1;
constexpr const char* kFileName = "checkpoint.safetensors";
constexpr const char* kPreviousName = "checkpoint.previous.safetensors";
constexpr const char* kNetworkPrefix = "network.";
constexpr const char* kOptimizerPrefix = "optimizer.";
constexpr const char* kBestPrefix = "best.";
constexpr const char* kAdversaryPrefix = "adversary.";
constexpr const char* kAdversaryOptimizerPrefix = "adversary_optimizer.";
constexpr const char* kStartPrefix = "start.";
constexpr const char* kDeltaAttentionPrefix = "delta_attention.";

nlohmann::json number(double value) { return std::isnan(value) ? nlohmann::json() : nlohmann::json(value); }
double number(const nlohmann::json& value) { return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(); }

nlohmann::json numbers(const std::vector<double>& values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double each : values) list.push_back(number(each));
  return list;
}
std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> values;
  for (const nlohmann::json& each : list) values.push_back(number(each));
  return values;
}

nlohmann::json to_json(const MetricsRecord& record) {
  nlohmann::json json = {{"step", record.point.step},
                         {"train_loss", number(record.point.train_loss)},
                         {"validation_loss", number(record.point.validation_loss)},
                         {"learning_rate", record.point.learning_rate},
                         {"epoch", record.epoch},
                         {"seconds", record.seconds},
                         {"wall_time", record.wall_time},
                         {"train_losses", numbers(record.train_losses)},
                         {"validation_losses", numbers(record.validation_losses)}};
  if (!std::isnan(record.adversarial_loss)) {
    json["adversarial_loss"] = record.adversarial_loss;
    json["discriminator_loss"] = record.discriminator_loss;
  }
  return json;
}

MetricsRecord record_from_json(const nlohmann::json& json) {
  MetricsRecord record;
  record.point.step = json.at("step");
  record.point.train_loss = number(json.at("train_loss"));
  record.point.validation_loss = number(json.at("validation_loss"));
  record.point.learning_rate = json.at("learning_rate");
  record.epoch = json.at("epoch");
  record.seconds = json.at("seconds");
  record.wall_time = json.at("wall_time");
  record.train_losses = numbers(json.at("train_losses"));
  record.validation_losses = numbers(json.at("validation_losses"));
  record.adversarial_loss = json.value("adversarial_loss", record.adversarial_loss);
  record.discriminator_loss = json.value("discriminator_loss", record.discriminator_loss);
  return record;
}

nlohmann::json to_json(const TrainingState& state) {
  nlohmann::json curve = nlohmann::json::array();
  for (const MetricsRecord& record : state.curve) curve.push_back(to_json(record));
  nlohmann::json json = {{"step", state.step},
                         {"epoch", state.epoch},
                         {"batch", state.batch},
                         {"finished", state.finished},
                         {"stopped_early", state.stopped_early},
                         {"seconds", state.seconds},
                         {"started", state.started},
                         {"loss_sums", numbers(state.loss_sums)},
                         {"loss_counts", state.loss_counts},
                         {"best_validation", number(state.best_validation)},
                         {"best_step", state.best_step},
                         {"validations_without_better", state.validations_without_better},
                         {"curve", curve}};
  if (!state.balance.is_null()) json["balance"] = state.balance;
  if (state.adversarial_count > 0) {
    json["adversarial_sum"] = state.adversarial_sum;
    json["discriminator_sum"] = state.discriminator_sum;
    json["adversarial_count"] = state.adversarial_count;
  }
  if (!state.freezing.is_null()) json["freezing"] = state.freezing;
  return json;
}

TrainingState state_from_json(const nlohmann::json& json) {
  TrainingState state;
  state.step = json.at("step");
  state.epoch = json.at("epoch");
  state.batch = json.at("batch");
  state.finished = json.at("finished");
  state.stopped_early = json.at("stopped_early");
  state.seconds = json.at("seconds");
  state.started = json.at("started");
  state.loss_sums = numbers(json.at("loss_sums"));
  state.loss_counts = json.at("loss_counts").get<std::vector<std::int64_t>>();
  state.adversarial_sum = json.value("adversarial_sum", 0.0);
  state.discriminator_sum = json.value("discriminator_sum", 0.0);
  state.adversarial_count = json.value("adversarial_count", std::int64_t{0});
  state.freezing = json.value("freezing", nlohmann::json());
  state.balance = json.value("balance", nlohmann::json());
  state.best_validation = number(json.at("best_validation"));
  state.best_step = json.at("best_step");
  state.validations_without_better = json.at("validations_without_better");
  for (const nlohmann::json& each : json.at("curve")) state.curve.push_back(record_from_json(each));
  return state;
}

/// Over names and bytes of all tensors, in the order of their names (files keep their own), and over the metadata that counts.
std::string checksum(const nn::TensorFile& file) {
  std::map<std::string, std::string> hashes;
  for (const nn::NamedTensor& each : file.tensors) {
    const at::Tensor flat = each.tensor.detach().cpu().contiguous();
    hashes[each.name] = hash128_hex({static_cast<const std::byte*>(flat.const_data_ptr()), flat.nbytes()});
  }
  std::string digest = file.metadata.at("identity") + file.metadata.at("state");
  for (const auto& [name, hash] : hashes) digest += name + hash;
  return hash128_hex(digest);
}

void add(nn::TensorFile& file, const char* prefix, const std::vector<nn::NamedTensor>& tensors) {
  for (const nn::NamedTensor& each : tensors) file.tensors.push_back({prefix + each.name, each.tensor});
}

bool is_checkpoint_of_another_version(const nn::TensorFile& file) {
  const auto version = file.metadata.find("affinis_checkpoint");
  return version != file.metadata.end() && version->second != std::to_string(kVersion);
}

/// Throws Error(kFormat) or a JSON exception when the file is damaged.
Checkpoint parse(const std::filesystem::path& path, const nn::TensorFile& file) {
  for (const char* key : {"affinis_checkpoint", "identity", "state", "checksum"}) {
    AFFINIS_CHECK(file.metadata.contains(key), ErrorCode::kFormat, "{} has no '{}': it is not a checkpoint", path.string(), key);
  }
  AFFINIS_CHECK(file.metadata.at("checksum") == checksum(file), ErrorCode::kFormat, "{} does not match its checksum", path.string());
  Checkpoint checkpoint;
  checkpoint.identity = nlohmann::json::parse(file.metadata.at("identity"));
  checkpoint.state = state_from_json(nlohmann::json::parse(file.metadata.at("state")));
  for (const nn::NamedTensor& each : file.tensors) {
    for (const auto& [prefix, list] : {std::pair{kNetworkPrefix, &checkpoint.network}, std::pair{kOptimizerPrefix, &checkpoint.optimizer},
                                       std::pair{kBestPrefix, &checkpoint.best}, std::pair{kAdversaryPrefix, &checkpoint.adversary},
                                       std::pair{kAdversaryOptimizerPrefix, &checkpoint.adversary_optimizer}, std::pair{kStartPrefix, &checkpoint.start},
                                       std::pair{kDeltaAttentionPrefix, &checkpoint.delta_attention}}) {
      if (each.name.starts_with(prefix)) list->push_back({each.name.substr(std::string_view(prefix).size()), each.tensor});
    }
  }
  return checkpoint;
}

void set_aside(const std::filesystem::path& path, const std::string& why, Logger& logger) {
  const std::filesystem::path aside = path.string() + ".damaged";
  std::error_code error;
  std::filesystem::rename(path, aside, error);
  AFFINIS_CHECK(!error, ErrorCode::kIo, "the checkpoint {} is damaged ({}) and cannot be renamed ({}); delete it", path.string(), why,
                error.message());
  logger.warning("the checkpoint is damaged ({}); it is kept as {} and training goes on from what there is before it", why,
                 aside.filename().string());
}

void refuse_another_training(const std::filesystem::path& path, const nlohmann::json& theirs, const nlohmann::json& ours) {
  if (theirs == ours) return;
  const nlohmann::json before = theirs.flatten();
  const nlohmann::json now = ours.flatten();
  for (const auto& [key, value] : now.items()) {
    const nlohmann::json was = before.value(key, nlohmann::json());
    AFFINIS_CHECK(was == value, ErrorCode::kUsage,
                  "the checkpoint {} belongs to a training with {} = {}, now it is {}; set it back, name another folder or delete the "
                  "checkpoint",
                  path.string(), key.substr(key.rfind('/', key.find_last_not_of("/0123456789")) + 1), was.dump(), value.dump());
  }
  fail(ErrorCode::kUsage, "the checkpoint {} belongs to a training with other settings; name another folder or delete the checkpoint",
       path.string());
}

}  // namespace

void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint) {
  nn::TensorFile file;
  add(file, kNetworkPrefix, checkpoint.network);
  add(file, kOptimizerPrefix, checkpoint.optimizer);
  add(file, kBestPrefix, checkpoint.best);
  add(file, kAdversaryPrefix, checkpoint.adversary);
  add(file, kAdversaryOptimizerPrefix, checkpoint.adversary_optimizer);
  add(file, kStartPrefix, checkpoint.start);
  add(file, kDeltaAttentionPrefix, checkpoint.delta_attention);
  file.metadata["affinis_checkpoint"] = std::to_string(kVersion);
  file.metadata["identity"] = checkpoint.identity.dump();
  file.metadata["state"] = to_json(checkpoint.state).dump();
  file.metadata["checksum"] = checksum(file);

  const std::filesystem::path path = folder / kFileName;
  const std::filesystem::path previous = folder / kPreviousName;
  std::error_code ignored;
  if (!checkpoint.state.finished && std::filesystem::exists(path)) {
    // A file system without hard links keeps no second checkpoint; the first is still replaced in one step.
    std::filesystem::remove(previous, ignored);
    std::filesystem::create_hard_link(path, previous, ignored);
  }
  nn::write_safetensors(path, file);
  if (checkpoint.state.finished) std::filesystem::remove(previous, ignored);
}

std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& folder, const nlohmann::json& identity, Logger& logger) {
  for (const char* name : {kFileName, kPreviousName}) {
    const std::filesystem::path path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    try {
      const nn::TensorFile file = nn::read_safetensors(path);
      AFFINIS_CHECK(!is_checkpoint_of_another_version(file), ErrorCode::kUsage,
                    "the checkpoint {} has format {}, this Affinis reads format {}; go on with the version that wrote it or delete the "
                    "checkpoint",
                    path.string(), file.metadata.at("affinis_checkpoint"), kVersion);
      Checkpoint checkpoint = parse(path, file);
      refuse_another_training(path, checkpoint.identity, identity);
      return checkpoint;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFormat) throw;
      set_aside(path, error.sentence(), logger);
    } catch (const nlohmann::json::exception& error) {
      set_aside(path, error.what(), logger);
    }
  }
  return std::nullopt;
}

}  // namespace affinis::train
