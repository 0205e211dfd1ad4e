#include "experiments/study/study_graph.h"

#include <algorithm>
#include <set>
#include <utility>

#include "experiments/commands/run_losses.h"
#include "experiments/study/epochs_by_images.h"
#include "experiments/study/estimate.h"
#include "experiments/study/render_job.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

// Of the time of a decoder's step, measured at desk scale: of a vector head a twentieth, of class maps one and a half.
constexpr double kVectorHeadShare = 0.06;
constexpr double kClassMapShare = 1.5;

transfer::StudySpec study_spec(const StudyOptions& options) {
  transfer::StudySpec spec;
  spec.scale = {"", options.scale.image_side, options.scale.width};
  spec.paper_compatible = options.tasks.paper_compatible;
  spec.soft_labels = options.tasks.soft_labels;
  spec.half_precision = options.search.half_precision;
  spec.threads = options.run.threads_per_worker;
  spec.pictures = options.data.pictures;
  const bool scenes = options.data.subset_of == "scenes";
  spec.train = {data::kTrainSplit, options.data.train_images, options.data.subset_seed, scenes};
  spec.transfer = {data::kTransferSplit, options.data.transfer_images, options.data.subset_seed, scenes};
  spec.test = {data::kTestSplit, options.data.test_images, options.data.subset_seed, scenes};
  if (!options.data.folder.empty()) {
    const data::DataSet data(options.data.folder);
    AFFINIS_CHECK(data.image_side() == options.scale.image_side, ErrorCode::kConfig,
                  "the data set in {} has images of {} pixels, but scale.image_side is {}; set it to {}", options.data.folder,
                  data.image_side(), options.scale.image_side, data.image_side());
    for (const char* split : {data::kTrainSplit, data::kTransferSplit, data::kTestSplit}) static_cast<void>(data.split(split));
    spec.data_identity = data.identity();
  }
  return spec;
}

/// Canonical names, sorted, each once.
std::vector<std::string> resolve(const task::TaskRegistry& registry, const std::vector<std::string>& names) {
  std::set<std::string> result;
  for (const std::string& name : names) result.insert(registry.get(name)->info.name);
  return {result.begin(), result.end()};
}

/// Baselines that transfers are compared with: on the same images, so that they are trained as often.
bool is_on_little_data(const std::string& role) { return role == "scratch" || role == "shallow"; }

}  // namespace

bool is_whole_transfer(const run::Job& job) {
  if (job.kind != transfer::kTransferKind || job.spec.contains("until")) return false;
  const Candidate candidate{job.spec.at("sources").get<std::vector<std::string>>(), job.spec.at("target").get<std::string>()};
  return job.name == candidate.job_name();
}

std::string Candidate::job_name() const { return "transfer/" + join(sources, "+") + "--" + target; }

StudyGraph::StudyGraph(StudyOptions options, std::shared_ptr<const task::TaskRegistry> registry)
    : options_(std::move(options)), registry_(std::move(registry)), spec_(study_spec(options_)) {
  if (!options_.search.epochs_by_images.empty()) epochs_ = epochs_for(options_.search.epochs_by_images, split_sizes(options_).transfer);
  const TaskOptions& chosen = options_.tasks;
  const std::vector<std::string> dictionary = resolve(*registry_, chosen.names.empty() ? registry_->names() : chosen.names);
  for (const bool as_source : {true, false}) {
    const std::vector<std::string>& asked = as_source ? chosen.sources : chosen.targets;
    const char* role = as_source ? "source" : "target";
    for (const std::string& name : asked.empty() ? dictionary : resolve(*registry_, asked)) {
      const task::TaskInfo& info = registry_->get(name)->info;
      const bool able = as_source ? info.source : info.target;
      AFFINIS_CHECK(able || asked.empty(), ErrorCode::kConfig, "tasks.{}s names {}, which cannot be a {}; leave it out", role, name, role);
      if (able) (as_source ? sources_ : targets_).push_back(name);
    }
  }
  const bool transfers = options_.search.max_order > 0;
  AFFINIS_CHECK(!transfers || (!sources_.empty() && !targets_.empty()), ErrorCode::kConfig,
                "[tasks] leaves {} sources and {} targets; a study needs at least one of each", sources_.size(), targets_.size());
  std::set_union(sources_.begin(), sources_.end(), targets_.begin(), targets_.end(), std::back_inserter(tasks_));
  if (transfers) find_joint_sources();
  find_possible_chains();
  // Refused here, before anything is written.
  check_balance();
  for (const std::string& override : chosen.overrides) {
    static_cast<void>(registry_->get(affinis::split(override.substr(0, override.find('=')), '.').at(1)));
  }
}

std::vector<std::string> StudyGraph::data_inputs() const {
  return options_.data.folder.empty() ? std::vector<std::string>{transfer::kDataJob} : std::vector<std::string>{};
}

transfer::TrainSpec StudyGraph::train_spec(const std::string& task, const std::string& role) const {
  transfer::TrainSpec spec;
  spec.study = spec_;
  spec.task = task;
  spec.role = role;
  spec.keep_weights = role == transfer::kSelfRole || options_.search.keep_weights;
  spec.validation_images = role == transfer::kSelfRole ? options_.data.validation_images : 0;
  const bool little_data = is_on_little_data(role);
  spec.split = little_data ? data::kTransferSplit : data::kTrainSplit;
  // Learning curves are measured on images of the whole transfer split: a network stays what it is when transfers learn from fewer.
  if (!little_data) spec.study.transfer.count = 0;
  const bool network = role == transfer::kSelfRole;
  const bool random = role == transfer::kRandomEncoderRole || (network && !registry_->get(task)->info.encoder_learns);
  spec.trunk = role == "constant"  ? transfer::TrunkKind::kConstant
               : role == "shallow" ? transfer::TrunkKind::kShallow
               : random            ? transfer::TrunkKind::kRandom
                                   : transfer::TrunkKind::kEncoder;
  spec.trainer = little_data ? little_data_trainer("scratch", task) : options_.trainer(network || random ? "network" : "constant", task);
  return spec;
}

void StudyGraph::add_training(const std::string& task, const std::string& role) {
  transfer::TrainSpec spec = train_spec(task, role);
  for (const std::string& job : role == transfer::kSelfRole ? std::vector{network_job(task)} : baseline_jobs(role, task)) {
    graph_.add(transfer::make_train_job(spec, job, data_inputs()));
    ++spec.trainer.seed;
  }
}

train::TrainerOptions StudyGraph::little_data_trainer(const std::string& section, const std::string& task) const {
  train::TrainerOptions trainer = options_.trainer(section, task);
  // Steps of one task's override have the last word, as they have over epochs.
  if (epochs_ > 0) trainer.epochs = epochs_;
  return trainer;
}

std::vector<std::string> StudyGraph::seeded_jobs(const std::string& job, const std::string& section, const std::string& task) const {
  std::vector<std::string> jobs = {job};
  const std::int64_t first = options_.trainer(section, task).seed;
  for (std::int64_t seed = first + 1; seed < first + options_.search.seeds; ++seed) jobs.push_back(fmt::format("{}{}{}", job, kSeedSuffix, seed));
  return jobs;
}

std::vector<std::string> StudyGraph::transfer_jobs(const Candidate& candidate) const {
  return seeded_jobs(candidate.job_name(), "transfer", candidate.target);
}

std::vector<std::string> StudyGraph::baseline_jobs(const std::string& role, const std::string& task) const {
  if (!is_on_little_data(role)) return {baseline_job(role, task)};
  return seeded_jobs(baseline_job(role, task), "scratch", task);
}

void StudyGraph::add_networks() {
  if (options_.data.folder.empty()) graph_.add(make_render_job(options_.rooms));
  // Joint networks that are compared with nothing need no others.
  const bool own = options_.search.max_order > 0 || options_.mtl.groups.empty() || options_.mtl.baselines;
  for (const std::string& task : own ? tasks_ : std::vector<std::string>{}) add_training(task, transfer::kSelfRole);
  for (const std::string& source : options_.search.max_order > 0 ? sources_ : std::vector<std::string>{}) add_encoding(source);
  for (const std::string& target : options_.search.max_order > 0 ? targets_ : std::vector<std::string>{}) {
    if (options_.search.scratch) add_training(target, "scratch");
    if (options_.search.shallow) add_training(target, "shallow");
  }
  for (const std::string& task : tasks_) {
    if (options_.search.constant) add_training(task, "constant");
    if (options_.search.random_encoder && registry_->get(task)->info.encoder_learns) add_training(task, transfer::kRandomEncoderRole);
  }
  if (!options_.finetune.policies.empty()) add_finetunes();
  add_joint();
}

std::string StudyGraph::finetune_job(const std::string& task, const std::string& policy, std::int64_t images, std::int64_t seed) {
  std::string name = policy;
  std::replace(name.begin(), name.end(), ':', '-');
  return fmt::format("finetune/{}/{}/{}/{}", task, name, images == 0 ? "all" : std::to_string(images), seed);
}

std::vector<std::string> StudyGraph::finetuned_tasks() const {
  if (options_.finetune.tasks.empty()) return targets_;
  const std::vector<std::string> names = resolve(*registry_, options_.finetune.tasks);
  for (const std::string& name : names) {
    AFFINIS_CHECK(registry_->get(name)->info.target, ErrorCode::kConfig, "finetune.tasks names {}, which cannot be a target; leave it out", name);
  }
  return names;
}

void StudyGraph::add_finetunes() {
  const FinetuneOptions& finetune = options_.finetune;
  transfer::StartSpec start;
  if (is_weight_file(finetune.source)) {
    start.hash = hash128_hex(read_file(finetune.source));
  } else if (!finetune.source.empty()) {
    const std::string source = registry_->get(finetune.source)->info.name;
    AFFINIS_CHECK(registry_->get(source)->info.encoder_learns, ErrorCode::kConfig,
                  "finetune.source is {}, whose encoder does not learn; name another task or a weight file", source);
    start.job = network_job(source);
    if (!graph_.contains(start.job)) add_training(source, transfer::kSelfRole);
  }
  for (const std::string& task : finetuned_tasks()) {
    for (const std::string& policy : finetune.policies) {
      for (const std::int64_t images : finetune.images) {
        for (const std::int64_t seed : finetune.seeds) {
          transfer::TrainSpec spec;
          spec.study = spec_;
          spec.study.transfer.count = images;
          spec.study.transfer.seed = seed;
          spec.task = task;
          spec.role = "finetune";
          spec.split = data::kTransferSplit;
          spec.trainer = options_.finetune_trainer(policy, task, seed);
          spec.validation_images = 0;
          spec.keep_weights = finetune.keep_weights;
          if (policy != kScratchPolicy) spec.start = start;
          graph_.add(transfer::make_train_job(spec, finetune_job(task, policy, images, seed), data_inputs()));
        }
      }
    }
  }
}

std::vector<Candidate> StudyGraph::first_order() const {
  std::vector<Candidate> result;
  for (const std::string& target : targets_) {
    for (const std::string& source : sources_) result.push_back({{source}, target});
  }
  return result;
}

transfer::TransferSpec StudyGraph::transfer_spec(const Candidate& candidate) const {
  transfer::TransferSpec spec;
  spec.study = spec_;
  spec.sources = candidate.sources;
  spec.target = candidate.target;
  spec.trainer = little_data_trainer("transfer", candidate.target);
  spec.trainer.cuda_graphs = options_.run.cuda_graphs;
  spec.clip_sigma = options_.search.clip_sigma;
  spec.keep_weights = options_.search.keep_weights;
  // All that may ever begin a chain, so that another list of chains trains none of them anew.
  spec.keep_function = !possible_chains_.empty() && candidate.sources.size() == 1 && candidate.sources.front() != candidate.target &&
                       std::find(sources_.begin(), sources_.end(), candidate.target) != sources_.end();
  return spec;
}

std::vector<std::string> StudyGraph::encodings_of(const Candidate& candidate) const {
  std::vector<std::string> encodings;
  for (const std::string& source : candidate.sources) encodings.push_back(transfer::encode_job_name(source));
  return encodings;
}

void StudyGraph::add_transfers(const std::vector<Candidate>& candidates, std::int64_t from) {
  for (const Candidate& candidate : candidates) {
    const std::string earlier = from > 0 ? transfer::rung_job_name(candidate.sources, candidate.target, from) : "";
    transfer::TransferSpec spec = transfer_spec(candidate);
    for (const std::string& job : transfer_jobs(candidate)) {
      graph_.add(by_head(transfer::make_transfer_job(spec, job, encodings_of(candidate), data_inputs(), earlier)));
      ++spec.trainer.seed;
    }
  }
}

void StudyGraph::add_rungs(const std::vector<Candidate>& candidates, std::int64_t until, std::int64_t from) {
  for (const Candidate& candidate : candidates) {
    transfer::TransferSpec spec = transfer_spec(candidate);
    spec.until = until;
    // The second half of what was trained so far: the losses of a network that has just begun say little.
    spec.compared_after = std::max(from, until / 2);
    const std::string earlier = from > 0 ? transfer::rung_job_name(candidate.sources, candidate.target, from) : "";
    graph_.add(by_head(transfer::make_transfer_job(spec, transfer::rung_job_name(candidate.sources, candidate.target, until), encodings_of(candidate),
                                                   data_inputs(), earlier)));
  }
}

void StudyGraph::take_up_again(const DroppedTransfer& dropped) {
  const Candidate candidate = dropped.candidate;
  add_transfers({candidate}, dropped.steps);
  std::erase_if(dropped_, [&](const DroppedTransfer& each) { return each.candidate == candidate; });
}

run::Job StudyGraph::by_head(run::Job transfer) const {
  const task::TaskInfo& info = registry_->get(transfer.group)->info;
  if (info.head == "vector") transfer.cost *= kVectorHeadShare;
  if (info.head == "dense" && info.loss.find("cross-entropy") != std::string::npos) transfer.cost *= kClassMapShare;
  return transfer;
}

double StudyGraph::transfer_cost(const std::string& target) const {
  return by_head(transfer::make_transfer_job(transfer_spec({{}, target}), "", {}, {})).cost;
}

std::int64_t StudyGraph::top(std::int64_t order) const {
  const std::vector<std::int64_t>& tops = options_.search.top;
  return tops[std::min(static_cast<std::size_t>(order) - 2, tops.size() - 1)];
}

std::vector<run::ExpectedJobs> StudyGraph::expected_transfers(std::int64_t first) const {
  std::vector<run::ExpectedJobs> expected;
  for (std::int64_t order = std::max<std::int64_t>(first, 2); order <= options_.search.max_order; ++order) {
    run::ExpectedJobs jobs{"transfer", 0, 0};
    for (const std::string& target : targets_) {
      const bool own = std::find(sources_.begin(), sources_.end(), target) != sources_.end();
      const std::int64_t best = std::min(top(order), static_cast<std::int64_t>(sources_.size()) - (own ? 1 : 0));
      std::int64_t sets = order <= best ? 1 : 0;
      for (std::int64_t k = 0; k < order; ++k) sets = sets * (best - k) / (k + 1);
      sets *= options_.search.seeds;
      jobs.jobs += sets;
      jobs.cost += static_cast<double>(sets) * transfer_cost(target);
    }
    if (jobs.jobs > 0) expected.push_back(jobs);
  }
  return expected;
}

}  // namespace affinis::experiments
