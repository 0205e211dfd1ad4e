#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "experiments/study/study_graph.h"
#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "transfer/joint_task.h"

namespace affinis::experiments {
namespace {

using Group = std::vector<std::string>;

constexpr std::size_t kMostSubsetTasks = 10;
constexpr std::size_t kLongestLabel = 60;
constexpr std::size_t kLabelDigits = 8;

/// Every set of at least `least` and at most `most` of the tasks, small ones first.
std::vector<Group> sets_of(const Group& tasks, std::size_t least, std::size_t most) {
  std::vector<Group> sets;
  for (std::size_t size = least; size <= std::min(most, tasks.size()); ++size) {
    std::vector<bool> chosen(tasks.size(), false);
    std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(size), true);
    do {
      Group set;
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        if (chosen[i]) set.push_back(tasks[i]);
      }
      sets.push_back(std::move(set));
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
  }
  return sets;
}

/// The names themselves where they are short enough for the name of a folder.
std::string label_of(const Group& tasks) {
  std::string label = join(tasks, "+");
  if (label.size() <= kLongestLabel) return label;
  return fmt::format("{}-tasks-{}", tasks.size(), hash128_hex(label).substr(0, kLabelDigits));
}

/// "task=value" by the tasks' own names, those of the group alone.
std::vector<std::string> of_group(const std::vector<std::string>& entries, const Group& group, const task::TaskRegistry& registry) {
  std::vector<std::string> kept;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    AFFINIS_CHECK(equals != std::string::npos, ErrorCode::kConfig, "[balance] has '{}'; write task=value", entry);
    const std::string name = registry.get(trim(entry.substr(0, equals)))->info.name;
    if (std::find(group.begin(), group.end(), name) != group.end()) kept.push_back(name + entry.substr(equals));
  }
  return kept;
}

void require_shareable(const Group& group, const task::TaskRegistry& registry) {
  std::vector<task::TaskInfo> infos;
  for (const std::string& task : group) infos.push_back(registry.get(task)->info);
  static_cast<void>(transfer::shared_input_channels(infos));
}

}  // namespace

std::string JointTraining::job_name() const {
  const std::string name = fmt::format("joint/{}/{}/{}", label_of(tasks), balancer, seed);
  return missing_labels > 0 ? fmt::format("{}/missing-{}", name, missing_labels) : name;
}

std::string JointTraining::label() const { return label_of(tasks); }

std::vector<std::int64_t> StudyGraph::joint_seeds() const {
  return options_.mtl.seeds.empty() ? std::vector<std::int64_t>{options_.network.seed} : options_.mtl.seeds;
}

std::string StudyGraph::single_job(const std::string& task, std::int64_t seed) const {
  return seed == options_.trainer("network", task).seed ? network_job(task) : fmt::format("network/{}/seed-{}", task, seed);
}

std::string StudyGraph::narrow_job(const std::string& task, std::int64_t seed) { return fmt::format("narrow/{}/seed-{}", task, seed); }

std::vector<std::string> StudyGraph::joint_tasks() const {
  const MultiTaskOptions& options = options_.mtl;
  Group tasks;
  for (const std::string& task : tasks_) {
    if (options.tasks.empty() && registry_->get(task)->info.encoder_learns) tasks.push_back(task);
  }
  std::set<std::string> named;
  for (const std::string& name : options.tasks) named.insert(registry_->get(name)->info.name);
  tasks.insert(tasks.end(), named.begin(), named.end());
  return tasks;
}

std::vector<std::string> StudyGraph::group_of(const std::string& names) const {
  std::set<std::string> group;
  for (const std::string& name : split(names, '+')) group.insert(registry_->get(name)->info.name);
  return {group.begin(), group.end()};
}

void StudyGraph::find_joint_sources() {
  const std::vector<std::int64_t> seeds = joint_seeds();
  for (const std::string& names : options_.tasks.joint_sources) {
    const Group group = group_of(names);
    AFFINIS_CHECK(group.size() >= 2, ErrorCode::kConfig, "tasks.joint_sources has '{}', which is not two tasks or more joined by +", names);
    require_shareable(group, *registry_);
    const std::string source = transfer::joint_source_name(group);
    if (joint_sources_.emplace(source, JointTraining{group, options_.balance.balancer, seeds.front(), 0}).second) sources_.push_back(source);
  }
}

void StudyGraph::add_encoding(const std::string& source) {
  const auto joint = joint_sources_.find(source);
  if (joint != joint_sources_.end() && !graph_.contains(joint->second.job_name())) add_joint_training(joint->second);
  const transfer::EncodeSpec spec{spec_, source, joint == joint_sources_.end() ? Group{} : joint->second.tasks};
  const std::string network = joint == joint_sources_.end() ? network_job(source) : joint->second.job_name();
  graph_.add(transfer::make_encode_job(spec, transfer::encode_job_name(source), network, data_inputs()));
}

std::vector<std::vector<std::string>> StudyGraph::joint_groups() const {
  const Group tasks = joint_tasks();
  std::vector<Group> groups;
  for (const std::string& word : options_.mtl.groups) {
    std::vector<Group> meant;
    if (word == "all") {
      meant = {tasks};
    } else if (word == "pairs") {
      meant = sets_of(tasks, 2, 2);
    } else if (word == "subsets") {
      AFFINIS_CHECK(tasks.size() <= kMostSubsetTasks, ErrorCode::kConfig,
                    "mtl.groups asks for all subsets of {} tasks, which are {} networks; name at most {} tasks in mtl.tasks, or ask for pairs",
                    tasks.size(), tasks.size() < 60 ? (std::uint64_t{1} << tasks.size()) - tasks.size() - 1 : 0, kMostSubsetTasks);
      meant = sets_of(tasks, 2, tasks.size());
    } else if (word != "singles") {
      meant = {group_of(word)};
    }
    for (Group& group : meant) {
      AFFINIS_CHECK(group.size() >= 2, ErrorCode::kConfig, "mtl.groups has '{}', which is {}; tasks share a network from two on", word,
                    group.empty() ? "no task" : "the task " + group.front() + " alone");
      if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(std::move(group));
    }
  }
  for (const Group& group : groups) {
    for (const std::string& task : group) {
      AFFINIS_CHECK(std::find(tasks_.begin(), tasks_.end(), task) != tasks_.end(), ErrorCode::kConfig,
                    "[mtl] names {}, which is not among the tasks of this study; add it to tasks.names", task);
    }
    require_shareable(group, *registry_);
  }
  return groups;
}

train::BalanceOptions StudyGraph::balance_of(const std::vector<std::string>& group, const std::string& balancer) const {
  train::BalanceOptions balance = options_.balance;
  set_option(option_section("balance", "", balance), "balancer", balancer, "mtl.balancers");
  balance.periods = of_group(balance.periods, group, *registry_);
  balance.rates = of_group(balance.rates, group, *registry_);
  balance.weights = of_group(balance.weights, group, *registry_);
  // Weights that are fixed for one set of tasks say nothing of another, nor to a balancer that finds its own.
  const bool of_these = balance.weights.size() == options_.balance.weights.size() && balance.weights.size() == group.size();
  if (balancer != "fixed" || !of_these) balance.weights.clear();
  return balance;
}

std::vector<std::string> StudyGraph::balancers() const {
  return options_.mtl.balancers.empty() ? std::vector<std::string>{options_.balance.balancer} : options_.mtl.balancers;
}

void StudyGraph::check_balance() const {
  std::vector<std::pair<Group, std::string>> trainings;
  for (const Group& group : options_.mtl.groups.empty() ? std::vector<Group>{} : joint_groups()) {
    for (const std::string& balancer : balancers()) trainings.emplace_back(group, balancer);
  }
  for (const auto& [source, training] : joint_sources_) trainings.emplace_back(training.tasks, training.balancer);
  const train::BalanceOptions& asked = options_.balance;
  bool weighed = trainings.empty() || asked.weights.empty();
  for (const auto& [group, balancer] : trainings) {
    const train::BalanceOptions balance = balance_of(group, balancer);
    try {
      train::validate(balance, group);
    } catch (Error& error) {
      throw error.within("[balance] for " + join(group, "+") + " under " + balancer);
    }
    weighed = weighed || !balance.weights.empty();
  }
  AFFINIS_CHECK(weighed, ErrorCode::kConfig,
                "balance.weights name {} tasks, but no network with the balancer 'fixed' is of exactly these; name all tasks of one, or leave them out",
                asked.weights.size());
  for (const auto& [key, list] : {std::pair("weights", &asked.weights), std::pair("periods", &asked.periods), std::pair("rates", &asked.rates)}) {
    for (const std::string& entry : *list) {
      const bool used = trainings.empty() || std::any_of(trainings.begin(), trainings.end(),
                                                         [&](const auto& training) { return !of_group({entry}, training.first, *registry_).empty(); });
      AFFINIS_CHECK(used, ErrorCode::kConfig, "balance.{} has '{}', but no joint network of this study has that task; leave it out", key, entry);
    }
  }
}

void StudyGraph::add_joint_training(const JointTraining& training) {
  transfer::JointSpec spec;
  spec.study = spec_;
  // As for networks of single tasks.
  spec.study.transfer.count = 0;
  spec.tasks = training.tasks;
  spec.trainer = options_.mtl.trainer;
  spec.trainer.seed = training.seed;
  spec.trainer.balance = balance_of(training.tasks, training.balancer);
  spec.validation_images = options_.data.validation_images;
  spec.missing_labels = training.missing_labels;
  spec.missing_seed = options_.mtl.missing_seed;
  graph_.add(transfer::make_joint_job(spec, training.job_name(), data_inputs()));
  joint_.push_back(training);
}

void StudyGraph::add_joint() {
  const MultiTaskOptions& options = options_.mtl;
  if (options.groups.empty()) return;
  const std::vector<Group> groups = joint_groups();
  std::set<std::string> used;
  if (std::find(options.groups.begin(), options.groups.end(), "singles") != options.groups.end()) {
    for (const std::string& task : joint_tasks()) used.insert(task);
  }
  for (const Group& group : groups) {
    used.insert(group.begin(), group.end());
    for (const std::string& balancer : balancers()) {
      for (const double missing : options.missing_labels) {
        for (const std::int64_t seed : joint_seeds()) {
          const JointTraining training{group, balancer, seed, missing};
          if (!graph_.contains(training.job_name())) add_joint_training(training);
        }
      }
    }
  }
  for (const std::string& task : used) {
    for (const std::int64_t seed : joint_seeds()) {
      transfer::TrainSpec spec = train_spec(task, transfer::kSelfRole);
      spec.trainer.seed = seed;
      if (options.baselines && !graph_.contains(single_job(task, seed))) {
        graph_.add(transfer::make_train_job(spec, single_job(task, seed), data_inputs()));
      }
      if (options.narrow_width == 0) continue;
      spec.study.scale.width = options.narrow_width;
      graph_.add(transfer::make_train_job(spec, narrow_job(task, seed), data_inputs()));
    }
  }
}

}  // namespace affinis::experiments
