#include "experiments/study/estimate.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "experiments/study/render_job.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/data/data_set.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

/// Seconds on one core at desk scale (64x64 images, width 16), measured on experiments/bank26.toml and experiments/demo.toml.
struct ImageSeconds {
  double train = 0;  ///< an image of a training step
  double test = 0;   ///< a test image
};
constexpr ImageSeconds kEncoderSeconds{0.012, 0.004};
constexpr ImageSeconds kFrozenSeconds{0.0043, 0.004};
constexpr ImageSeconds kShallowSeconds{0.003, 0.002};
constexpr ImageSeconds kConstantSeconds{0.00065, 0.0003};
constexpr ImageSeconds kTransferSeconds{0.003, 0.002};
constexpr double kEncodeSeconds = 0.002;
constexpr double kViewSeconds = 0.06;
constexpr double kJobSeconds = 0.2;
constexpr double kDeskSide = 64;
constexpr double kDeskWidth = 16;

constexpr double kEncoderParameters = 1.5e6;  // ResNet-50 to 8 channels at width 16; grows with its square
constexpr double kDecoderParameters = 1.1e6;  // likewise, the larger ones
constexpr double kWeightBytes = 4;
constexpr double kViewBytesPerPixel = 7;
constexpr double kPictureBytesPerPixel = 1.5;
constexpr double kJobBytes = 12e3;  // done.json, log, learning curve, headers
constexpr double kActivationBytes = 36;  // for each pixel and channel of width that a training step keeps
constexpr double kHeadActivationBytes = 12;  // likewise, of a further head
constexpr double kProgramBytes = 450e6;

double square(double value) { return value * value; }

double pixels(const nn::Scale& scale) { return square(static_cast<double>(scale.image_side) / kDeskSide); }
double channels(const nn::Scale& scale) { return static_cast<double>(scale.width) / kDeskWidth; }
/// Arithmetic against desk scale.
double size_factor(const nn::Scale& scale) { return pixels(scale) * square(channels(scale)); }
double encoder_parameters(const nn::Scale& scale) { return kEncoderParameters * square(channels(scale)); }
double decoder_parameters(const nn::Scale& scale) { return kDecoderParameters * square(channels(scale)); }

double used(std::int64_t wanted, std::int64_t all) {
  return static_cast<double>(wanted > 0 ? std::min(wanted, all) : all);
}

double trained_images(const train::TrainerOptions& trainer, double images) {
  const auto batch = static_cast<double>(trainer.batch_size);
  const double steps = trainer.steps > 0 ? static_cast<double>(trainer.steps)
                                         : static_cast<double>(trainer.epochs) * std::ceil(images / batch);
  return steps * batch;
}

double views(const RenderDataSetOptions& rooms) {
  return static_cast<double>((rooms.train_buildings + rooms.transfer_buildings + rooms.test_buildings) * rooms.rooms_per_building *
                             rooms.views_per_room);
}

ImageSeconds seconds_of(transfer::TrunkKind trunk) {
  switch (trunk) {
    case transfer::TrunkKind::kEncoder: return kEncoderSeconds;
    case transfer::TrunkKind::kShallow: return kShallowSeconds;
    case transfer::TrunkKind::kConstant: return kConstantSeconds;
    case transfer::TrunkKind::kRandom: return kFrozenSeconds;
  }
  return kEncoderSeconds;
}

RenderDataSetOptions rooms_of(const nlohmann::json& spec) {
  RenderDataSetOptions rooms;
  from_json(option_section("rooms", "", rooms), spec);
  return rooms;
}

/// Jobs that share what the model may be wrong by.
std::string family(const std::string& kind, const nlohmann::json& spec) {
  return kind == transfer::kTrainKind ? kind + " " + spec.at("trunk").get<std::string>() : kind;
}

/// A pass back through the trunk alone, as a share of a whole training step of the encoder.
constexpr double kBackwardShare = 0.6;

/// Whether the balancer needs the trunk's gradient of every task.
bool needs_gradients(const train::BalanceOptions& balance) {
  constexpr std::string_view kMethods[] = {"imtl", "mgda", "pcgrad", "gradvac", "cagrad", "nash", "aligned", "upgrad"};
  return balance.gradients == "trunk" && std::find(std::begin(kMethods), std::end(kMethods), balance.balancer) != std::end(kMethods);
}

double evaluated_bytes(const transfer::StudySpec& study, const SplitSizes& sizes) {
  const double side = static_cast<double>(study.scale.image_side);
  return kJobBytes + used(study.test.count, sizes.test) * sizeof(double) +
         static_cast<double>(study.pictures) * side * side * kPictureBytesPerPixel;
}

double model_bytes(const run::Job& job, const SplitSizes& sizes) {
  if (job.kind == kRenderKind) {
    const RenderDataSetOptions rooms = rooms_of(job.spec);
    return views(rooms) * square(static_cast<double>(rooms.image_side)) * kViewBytesPerPixel;
  }
  if (job.kind == transfer::kTrainKind) {
    const transfer::TrainSpec spec = transfer::train_spec_from_json(job.spec);
    double bytes = evaluated_bytes(spec.study, sizes);
    if (spec.role == transfer::kSelfRole) bytes *= 3;  // pictures of inputs and targets too
    if (spec.keep_weights) bytes += kWeightBytes * (encoder_parameters(spec.study.scale) + decoder_parameters(spec.study.scale));
    return bytes;
  }
  if (job.kind == transfer::kJointKind) {
    const transfer::JointSpec spec = transfer::joint_spec_from_json(job.spec);
    const auto heads = static_cast<double>(spec.tasks.size());
    const double weights = encoder_parameters(spec.study.scale) + heads * decoder_parameters(spec.study.scale);
    return heads * evaluated_bytes(spec.study, sizes) + (spec.keep_weights ? kWeightBytes * weights : 0);
  }
  if (job.kind == transfer::kEncodeKind || job.kind == transfer::kChainKind) {
    const transfer::StudySpec study = transfer::study_spec_from_json(job.spec.at("study"));
    const double images = used(study.transfer.count, sizes.transfer) + used(study.test.count, sizes.test);
    const double channels_kept = job.kind == transfer::kChainKind ? 16 : 8;
    constexpr double kStride = 16;
    return kJobBytes +
           images * channels_kept * square(static_cast<double>(study.scale.image_side) / kStride) * (study.half_precision ? 2 : 4);
  }
  if (job.kind == transfer::kTransferKind) {
    const transfer::TransferSpec spec = transfer::transfer_spec_from_json(job.spec);
    return evaluated_bytes(spec.study, sizes) + (spec.keep_weights ? kWeightBytes * decoder_parameters(spec.study.scale) : 0);
  }
  return kJobBytes;
}

/// Most heads that a network of the study has, from the words of its settings.
double most_heads(const StudyOptions& options) {
  const std::vector<std::string>& chosen = options.mtl.tasks.empty() ? options.tasks.names : options.mtl.tasks;
  constexpr std::size_t kWholeBank = 26;
  std::size_t most = 1;
  for (const std::vector<std::string>* groups : {&options.mtl.groups, &options.tasks.joint_sources}) {
    for (const std::string& group : *groups) {
      const bool all = group == "all" || group == "subsets";
      const std::size_t named = static_cast<std::size_t>(std::count(group.begin(), group.end(), '+')) + 1;
      most = std::max(most, all ? (chosen.empty() ? kWholeBank : chosen.size()) : group == "pairs" ? 2 : named);
    }
  }
  return static_cast<double>(most);
}

}  // namespace

SplitSizes split_sizes(const StudyOptions& options) {
  SplitSizes sizes;
  if (options.data.folder.empty()) {
    const std::int64_t each = options.rooms.rooms_per_building * options.rooms.views_per_room;
    sizes = {options.rooms.train_buildings * each, options.rooms.transfer_buildings * each, options.rooms.test_buildings * each};
  } else {
    const data::DataSet data(options.data.folder);
    sizes = {data.split(data::kTrainSplit).size(), data.split(data::kTransferSplit).size(), data.split(data::kTestSplit).size()};
  }
  const auto less = [](std::int64_t all, std::int64_t wanted) { return wanted > 0 ? std::min(all, wanted) : all; };
  return {less(sizes.train, options.data.train_images), less(sizes.transfer, options.data.transfer_images),
          less(sizes.test, options.data.test_images)};
}

Estimator::Estimator(const StudyOptions& options, std::shared_ptr<const task::TaskRegistry> registry)
    : options_(options), registry_(std::move(registry)), sizes_(split_sizes(options)) {}

double Estimator::train_seconds(const transfer::TrainSpec& spec, const SplitSizes& sizes) const {
  const bool whole = spec.split == data::kTrainSplit;
  const transfer::SubsetSpec& subset = whole ? spec.study.train : spec.study.transfer;
  const double images = used(subset.count, whole ? sizes.train : sizes.transfer);
  ImageSeconds each = seconds_of(spec.trunk);
  if (spec.trunk != transfer::TrunkKind::kConstant) {
    const double further = encoder_images({spec.task}) - 1;
    each.train += further * std::max(0.0, each.train - kTransferSeconds.train);
    each.test += further * std::max(0.0, each.test - kTransferSeconds.test);
  }
  double tested = used(spec.study.test.count, sizes.test);
  const double steps = trained_images(spec.trainer, images) / static_cast<double>(spec.trainer.batch_size);
  if (spec.validation_images > 0 && spec.trainer.evaluate_every > 0)
    tested += std::ceil(steps / static_cast<double>(spec.trainer.evaluate_every)) * static_cast<double>(spec.validation_images);
  return size_factor(spec.study.scale) * (trained_images(spec.trainer, images) * each.train + tested * each.test);
}

double Estimator::joint_seconds(const transfer::JointSpec& spec, const SplitSizes& sizes) const {
  const double images = used(spec.study.train.count, sizes.train);
  const auto heads = static_cast<double>(spec.tasks.size());
  const double trained = trained_images(spec.trainer, images);
  const double steps = trained / static_cast<double>(spec.trainer.batch_size);
  const double points = spec.trainer.evaluate_every > 0 ? std::ceil(steps / static_cast<double>(spec.trainer.evaluate_every)) : 0;
  const double tested = used(spec.study.test.count, sizes.test) + (spec.validation_images > 0 ? points * static_cast<double>(spec.validation_images) : 0);
  // A head costs what a transfer's does; the encoder is what a network has beside one.
  const double passes = encoder_images(spec.tasks);
  const ImageSeconds encoder{passes * (kEncoderSeconds.train - kTransferSeconds.train), passes * (kEncoderSeconds.test - kTransferSeconds.test)};
  // Every task's gradient goes back through the passes of its own images.
  double gradients = 0;
  for (const std::string& task : spec.tasks) gradients += encoder_images({task});
  gradients *= kBackwardShare * (kEncoderSeconds.train - kTransferSeconds.train);
  const train::BalanceOptions& balance = spec.trainer.balance;
  const double measured = static_cast<double>(spec.trainer.batch_size) * gradients *
                          ((balance.conflicts ? points : 0) + (needs_gradients(balance) ? steps / static_cast<double>(balance.balance_every) : 0));
  return size_factor(spec.study.scale) * (trained * (encoder.train + heads * kTransferSeconds.train) + tested * (encoder.test + heads * kTransferSeconds.test) + measured);
}

/// Images that the encoder sees for one example of all of these tasks: the image itself once, and what tasks of pairs, tiles or grey
/// images make of it. Tasks that only disturb the image are counted as if they did not.
double Estimator::encoder_images(const std::vector<std::string>& tasks) const {
  double images = 0;
  bool whole = false;
  for (const std::string& name : tasks) {
    const task::TaskInfo& info = registry_->get(name)->info;
    const bool own = info.arity > 1 || info.input_channels != 3;
    images += own ? static_cast<double>(info.arity) : 0;
    whole = whole || !own;
  }
  return images + (whole ? 1 : 0);
}

/// What the model says alone.
double Estimator::model_seconds(const std::string& kind, const nlohmann::json& spec, const SplitSizes& sizes) const {
  if (kind == kRenderKind) {
    const RenderDataSetOptions rooms = rooms_of(spec);
    return kJobSeconds + views(rooms) * kViewSeconds * square(static_cast<double>(rooms.image_side) / kDeskSide);
  }
  if (kind == transfer::kTrainKind) return kJobSeconds + train_seconds(transfer::train_spec_from_json(spec), sizes);
  if (kind == transfer::kJointKind) return kJobSeconds + joint_seconds(transfer::joint_spec_from_json(spec), sizes);
  if (kind == transfer::kEncodeKind) {
    const transfer::StudySpec study = transfer::encode_spec_from_json(spec).study;
    const double images = used(study.transfer.count, sizes.transfer) + used(study.test.count, sizes.test);
    return kJobSeconds + size_factor(study.scale) * images * kEncodeSeconds;
  }
  if (kind == transfer::kTransferKind) {
    const transfer::TransferSpec transfer = transfer::transfer_spec_from_json(spec);
    const double trained = trained_images(transfer.trainer, used(transfer.study.transfer.count, sizes.transfer));
    const double tested = used(transfer.study.test.count, sizes.test);
    return kJobSeconds + size_factor(transfer.study.scale) * (trained * kTransferSeconds.train + tested * kTransferSeconds.test);
  }
  return kJobSeconds;
}

std::size_t Estimator::measure(const std::filesystem::path& folder) {
  const std::vector<run::MeasuredJob> jobs = run::measured_jobs(folder);
  if (jobs.empty()) return 0;
  // Its specs say "all images" where its data set says how many those are.
  SplitSizes sizes = sizes_;
  if (std::filesystem::exists(folder / kExperimentFile)) {
    try {
      sizes = split_sizes(read_study(folder / kExperimentFile, {}));
    } catch (const Error&) {
      // Of another version, or its data set has moved: ours are the best guess.
    }
  }
  std::map<std::string, std::pair<double, double>> sums;
  std::size_t learnt = 0;
  for (const run::MeasuredJob& job : jobs) {
    // Parts of transfers that an adaptive search left off: how much of one their seconds are for, their specs do not say.
    if (job.spec.contains("until")) continue;
    try {
      auto& [truth, model] = sums[family(job.kind, job.spec)];
      const double expected = model_seconds(job.kind, job.spec, sizes);
      truth += job.seconds;
      model += expected;
      ++learnt;
    } catch (const std::exception&) {
      // A job of another version of the program.
    }
  }
  for (const auto& [name, sum] : sums) {
    if (sum.first > 0 && sum.second > 0) factors_[name] = sum.first / sum.second;
  }
  return learnt;
}

JobEstimate Estimator::estimate(const run::Job& job) const {
  const auto factor = factors_.find(family(job.kind, job.spec));
  double scaled = model_seconds(job.kind, job.spec, sizes_);
  if (factor != factors_.end()) {
    scaled *= factor->second;
  } else if (!factors_.empty()) {
    // A kind that was not measured: the machine is as fast as it was with the others, in the middle.
    std::vector<double> all;
    for (const auto& each : factors_) all.push_back(each.second);
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    scaled *= all[all.size() / 2];
  }
  return {scaled, model_bytes(job, sizes_)};
}

double Estimator::worker_bytes() const {
  const nn::Scale scale{"", options_.scale.image_side, options_.scale.width};
  const double heads = most_heads(options_);
  const double parameters = encoder_parameters(scale) + heads * decoder_parameters(scale);
  constexpr double kWithGradientsAndMoments = 4;
  // What is in memory at once is a micro-batch.
  const auto examples = [](const train::TrainerOptions& trainer) { return trainer.batch_size / trainer.accumulate; };
  const auto batch =
      static_cast<double>(std::max(examples(options_.network), examples(heads > 1 ? options_.mtl.trainer : options_.scratch)));
  const double side = static_cast<double>(scale.image_side);
  double images = 1;
  const std::vector<std::string> tasks = options_.tasks.names.empty() ? registry_->names() : options_.tasks.names;
  if (heads > 1) {
    images = encoder_images(options_.mtl.tasks.empty() ? tasks : options_.mtl.tasks);
  } else {
    for (const std::string& task : tasks) images = std::max(images, encoder_images({task}));
  }
  return kProgramBytes + kWithGradientsAndMoments * kWeightBytes * parameters +
         batch * side * side * static_cast<double>(scale.width) * (kActivationBytes * images + (heads - 1) * kHeadActivationBytes) +
         options_.run.worker_memory_gib * static_cast<double>(std::int64_t{1} << 30);
}

double Estimator::checkpoint_bytes() const {
  const nn::Scale scale{"", options_.scale.image_side, options_.scale.width};
  constexpr double kWithMoments = 3;
  constexpr double kCheckpoints = 2;
  return kCheckpoints * kWithMoments * kWeightBytes * (encoder_parameters(scale) + most_heads(options_) * decoder_parameters(scale));
}

}  // namespace affinis::experiments
