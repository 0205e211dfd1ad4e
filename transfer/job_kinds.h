#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/run/job.h"
#include "framework/train/trainer.h"
#include "transfer/spec.h"

namespace affinis::transfer {

/// Version of the kinds that train networks (run::JobKind::version): raised whenever training gives other bits, here or in a folder below.
/// 2: convolutions of small images as matrix products; 3: these products by loops of our own.
constexpr int kTrainingVersion = 4;

/// What a "train" job puts before the task's head.
enum class TrunkKind {
  kEncoder,   ///< the full encoder: task-specific networks, and honest scratch on the transfer split
  kShallow,   ///< the paper's shallow pixel stream
  kConstant,  ///< no input at all: the best constant guess
  kRandom,    ///< the full encoder as it was drawn: only the head learns
};

/// What a training begins from instead of drawn weights: the network of another job, or a file.
struct StartSpec {
  std::string job;   ///< its network.safetensors is taken
  std::string hash;  ///< XXH3-128 of the file that StudyEnvironment names; where it lies is no part of what a job is

  bool empty() const { return job.empty() && hash.empty(); }
};

/// Trains one network on one split of the data set and evaluates it on the test split.
struct TrainSpec {
  StudySpec study;
  std::string task;
  TrunkKind trunk = TrunkKind::kEncoder;
  std::string split = data::kTrainSplit;
  std::string role = "self";  ///< name in loss files: "self", "scratch", "shallow", "constant", "random_encoder"
  train::TrainerOptions trainer;
  std::int64_t validation_images = 128;  ///< of the transfer split (networks only); 0: none
  bool keep_weights = true;
  StartSpec start = {};
  bool local_norms = false;  ///< with several processes: BatchNorm by each one's share of a batch instead of the whole
};

/// Encodes the transfer and test splits with a trained network's encoder.
struct EncodeSpec {
  StudySpec study;
  std::string source;
  std::vector<std::string> tasks = {};  ///< of a joint network; empty: the source is a task, and the network its own
};

/// Trains transfer function + fresh head on cached representations and evaluates it on the test split.
struct TransferSpec {
  StudySpec study;
  std::vector<std::string> sources;
  std::string target;
  train::TrainerOptions trainer;
  double clip_sigma = 5;
  bool keep_weights = false;
  bool keep_function = false;  ///< keep the transfer function's weights in kFunctionFile, for chains
  /// Leave off after this step and keep the checkpoint, for a later job of the same transfer to go on from (adaptive search); 0: train to
  /// the end. What is measured then are the losses of the batches after step `compared_after`: those that every source of the target sees.
  std::int64_t until = 0;
  std::int64_t compared_after = 0;
};

/// Encodes the transfer and test splits as the first transfer of a chain sees them: `first`'s representations behind the transfer function that
/// was trained for the task `through`. A transfer reads the result as it reads an encoder's, of twice as many channels.
struct ChainSpec {
  StudySpec study;
  std::string first;
  std::string through;
  std::string transfer_job;  ///< the transfer first -> through, which has kept its function
};

/// Trains one shared encoder with a head for each of the tasks and evaluates every head on the test split.
struct JointSpec {
  StudySpec study;
  std::vector<std::string> tasks;        ///< sorted, each once
  train::TrainerOptions trainer;         ///< with its balance
  std::int64_t validation_images = 128;  ///< of the transfer split; 0: none
  double missing_labels = 0;             ///< share of labels taken away at random while training, each task's by itself
  std::int64_t missing_seed = 1;
  bool keep_weights = true;
};

nlohmann::json to_json(const TrainSpec& spec);
TrainSpec train_spec_from_json(const nlohmann::json& json);
nlohmann::json to_json(const EncodeSpec& spec);
EncodeSpec encode_spec_from_json(const nlohmann::json& json);
nlohmann::json to_json(const TransferSpec& spec);
TransferSpec transfer_spec_from_json(const nlohmann::json& json);
nlohmann::json to_json(const ChainSpec& spec);
ChainSpec chain_spec_from_json(const nlohmann::json& json);
nlohmann::json to_json(const JointSpec& spec);
JointSpec joint_spec_from_json(const nlohmann::json& json);

/// What a job says, settings without effect on its result among it: what whoever carries it out goes by.
TrainSpec train_spec_of(const run::Job& job);
TransferSpec transfer_spec_of(const run::Job& job);
JointSpec joint_spec_of(const run::Job& job);

/// Each job's inputs are `inputs` (the data job, when there is one) and what it reads beside them.
run::Job make_train_job(const TrainSpec& spec, const std::string& name, std::vector<std::string> inputs);
run::Job make_encode_job(const EncodeSpec& spec, const std::string& name, const std::string& network_job,
                         std::vector<std::string> inputs);
/// `earlier`: a job of the same transfer with a smaller `until`, or empty. Without its checkpoint the training begins anew, with the same result.
run::Job make_transfer_job(const TransferSpec& spec, const std::string& name, const std::vector<std::string>& encode_jobs,
                           std::vector<std::string> inputs, const std::string& earlier = {});

/// Reads the representations of `spec.first` and the function of `spec.transfer_job`; is named as an encoding of chain_source_name().
run::Job make_chain_job(const ChainSpec& spec);

run::Job make_joint_job(const JointSpec& spec, const std::string& name, std::vector<std::string> inputs);

/// Registers the kinds "train", "encode", "transfer", "chain" and "joint".
void register_job_kinds(run::JobKinds& kinds, const StudyEnvironment& environment);

inline constexpr const char* kTrainKind = "train";
inline constexpr const char* kEncodeKind = "encode";
inline constexpr const char* kTransferKind = "transfer";
inline constexpr const char* kChainKind = "chain";
inline constexpr const char* kJointKind = "joint";

/// Name of the role of task-specific networks: the gold standard.
inline constexpr const char* kSelfRole = "self";
/// Name of the role of heads that learn on an encoder as it was drawn, on the networks' data. Not "random", which is a task.
inline constexpr const char* kRandomEncoderRole = "random_encoder";
/// Name of joint networks in loss files.
inline constexpr const char* kJointRole = "joint";
/// Where in a joint training's folder a head's losses.h5, result.json and pictures are.
std::filesystem::path head_folder(const std::string& task);
/// "joint:a&b": what the encoder of a joint network is called as a source. Not a+b, which are two sources.
std::string joint_source_name(const std::vector<std::string>& tasks);
/// "chain:a>b": what a transfer a -> b is called as a source.
std::string chain_source_name(const std::string& first, const std::string& through);
inline constexpr const char* kChainPrefix = "chain:";
/// "encode/<source>": where a transfer looks for a source's representations.
std::string encode_job_name(const std::string& source);

/// "rung/<transfer>@<step>": a transfer that is not trained to its end.
std::string rung_job_name(const std::vector<std::string>& sources, const std::string& target, std::int64_t until);
inline constexpr const char* kRungPrefix = "rung/";

/// Files in result folders.
inline constexpr const char* kCheckpointFiles[] = {"checkpoint.safetensors", "checkpoint.previous.safetensors"};  ///< of jobs under way
inline constexpr const char* kNetworkFile = "network.safetensors";
inline constexpr const char* kFunctionFile = "transfer_function.safetensors";
inline constexpr const char* kLossFile = "losses.h5";
inline constexpr const char* kResultFile = "result.json";  ///< task, name, parameters, images, steps, mean_loss, metrics, curve[, freeze_proof]
/// Folder of input.N.png, target.N.png (task-specific networks only) and prediction.N.png.
inline constexpr const char* kPictureFolder = "pictures";
inline constexpr const char* kTransferRepresentationsFile = "transfer.h5";
inline constexpr const char* kTestRepresentationsFile = "test.h5";

}  // namespace affinis::transfer
