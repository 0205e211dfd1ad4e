#include "framework/run/schedule.h"

#include <algorithm>
#include <tuple>

#include "framework/core/error.h"

namespace affinis::run {

Schedule::Schedule(const JobGraph& graph, const std::set<std::string>& finished)
    : graph_(graph),
      dependants_(graph.jobs().size()),
      waiting_(graph.jobs().size(), 0),
      chain_cost_(graph.jobs().size(), 0),
      state_(graph.jobs().size(), State::kWaiting) {
  const std::vector<Job>& jobs = graph.jobs();
  for (std::size_t at = 0; at < jobs.size(); ++at) position_[jobs[at].name] = at;
  for (std::size_t at = 0; at < jobs.size(); ++at) {
    for (const std::string& input : jobs[at].inputs) {
      dependants_[position_.at(input)].push_back(at);
      if (!finished.contains(input)) ++waiting_[at];
    }
    if (finished.contains(jobs[at].name)) {
      state_[at] = State::kDone;
    } else if (waiting_[at] == 0) {
      state_[at] = State::kReady;
      ready_.insert(at);
    }
  }
  const std::vector<std::string> order = graph.order();
  for (auto name = order.rbegin(); name != order.rend(); ++name) {
    const std::size_t at = position_.at(*name);
    for (const std::size_t next : dependants_[at]) {
      if (state_[next] != State::kDone)
        chain_cost_[at] = std::max(chain_cost_[at], chain_cost_[next]);
    }
    chain_cost_[at] += jobs[at].cost;
  }
}

int Schedule::distance(const std::string& group, std::size_t worker) const {
  const auto owner = owner_.find(group);
  if (group.empty() || owner == owner_.end()) return 2;
  if (owner->second != worker) return 3;
  const auto last = last_group_.find(worker);
  return last != last_group_.end() && last->second == group ? 0 : 1;
}

std::optional<Schedule::Assignment> Schedule::next(const std::vector<std::size_t>& idle) {
  using Rank =
      std::tuple<int, double, std::size_t, std::size_t>;  // distance, -chain cost, job, worker
  if (idle.empty()) return std::nullopt;
  const std::size_t first = *std::min_element(idle.begin(), idle.end());
  std::optional<Rank> best;
  for (const std::size_t at : ready_) {
    const std::string& group = graph_.jobs()[at].group;
    // Only the owner of a job's group is nearer to it than others are.
    const auto owner = owner_.find(group);
    const bool near = owner != owner_.end() &&
                      std::find(idle.begin(), idle.end(), owner->second) != idle.end();
    const std::size_t worker = near ? owner->second : first;
    const Rank rank(distance(group, worker), -chain_cost_[at], at, worker);
    if (!best || rank < *best) best = rank;
  }
  if (!best) return std::nullopt;
  const auto [distance, cost, at, worker] = *best;
  ready_.erase(at);
  state_[at] = State::kRunning;
  ++running_;
  const Job& job = graph_.jobs()[at];
  if (!job.group.empty()) {
    owner_[job.group] = worker;
    last_group_[worker] = job.group;
  }
  return Assignment{worker, job.name};
}

void Schedule::finish(const std::string& name) {
  const std::size_t at = position_.at(name);
  AFFINIS_ASSERT(state_[at] == State::kRunning);
  state_[at] = State::kDone;
  --running_;
  for (const std::size_t next : dependants_[at]) {
    if (--waiting_[next] == 0 && state_[next] == State::kWaiting) {
      state_[next] = State::kReady;
      ready_.insert(next);
    }
  }
}

void Schedule::retry(const std::string& name) {
  const std::size_t at = position_.at(name);
  AFFINIS_ASSERT(state_[at] == State::kRunning);
  state_[at] = State::kReady;
  --running_;
  ready_.insert(at);
}

std::vector<std::string> Schedule::give_up(const std::string& name) {
  const std::size_t at = position_.at(name);
  AFFINIS_ASSERT(state_[at] == State::kRunning);
  --running_;
  return block_dependants(at);
}

std::vector<std::string> Schedule::withhold(const std::string& name) {
  const std::size_t at = position_.at(name);
  AFFINIS_ASSERT(state_[at] != State::kRunning && state_[at] != State::kDone);
  ready_.erase(at);
  return block_dependants(at);
}

std::vector<std::string> Schedule::block_dependants(std::size_t at) {
  state_[at] = State::kFailed;
  std::set<std::size_t> blocked;
  std::vector<std::size_t> open = {at};
  while (!open.empty()) {
    const std::size_t from = open.back();
    open.pop_back();
    for (const std::size_t next : dependants_[from]) {
      if (state_[next] != State::kWaiting) continue;
      state_[next] = State::kBlocked;
      blocked.insert(next);
      open.push_back(next);
    }
  }
  std::vector<std::string> names;
  for (const std::size_t each : blocked) names.push_back(graph_.jobs()[each].name);
  return names;
}

void Schedule::forget_groups(std::size_t worker) {
  std::erase_if(owner_, [&](const auto& item) { return item.second == worker; });
  last_group_.erase(worker);
}

}  // namespace affinis::run
