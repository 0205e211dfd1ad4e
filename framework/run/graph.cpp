#include "framework/run/graph.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <set>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>

#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"

namespace affinis::run {
namespace {

/// Vertex: position of a job; edge: from an input to the job that reads it.
using Dependences = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;

Dependences dependences(const std::vector<Job>& jobs,
                        const std::map<std::string, std::size_t>& position) {
  Dependences graph(jobs.size());
  for (std::size_t to = 0; to < jobs.size(); ++to) {
    std::set<std::string> seen;
    for (const std::string& input : jobs[to].inputs) {
      const auto from = position.find(input);
      if (from == position.end()) {
        std::vector<std::string> names;
        for (const Job& job : jobs) names.push_back(job.name);
        fail(ErrorCode::kConfig, "job '{}' needs job '{}', which is not in the graph{}",
             jobs[to].name, input, did_you_mean(input, names));
      }
      AFFINIS_CHECK(seen.insert(input).second, ErrorCode::kConfig,
                    "job '{}' lists its input '{}' twice", jobs[to].name, input);
      boost::add_edge(from->second, to, graph);
    }
  }
  return graph;
}

[[noreturn]] void report_cycle(const Dependences& graph, const std::vector<Job>& jobs) {
  std::vector<std::size_t> component(jobs.size());
  const std::size_t count = boost::strong_components(
      graph, boost::make_iterator_property_map(component.begin(), get(boost::vertex_index, graph)));
  std::vector<std::vector<std::string>> members(count);
  for (std::size_t at = 0; at < jobs.size(); ++at)
    members[component[at]].push_back("'" + jobs[at].name + "'");
  for (std::size_t at = 0; at < jobs.size(); ++at) {
    const std::vector<std::string>& cycle = members[component[at]];
    if (cycle.size() > 1) {
      fail(ErrorCode::kConfig, "the jobs {} wait for one another in a cycle", join(cycle, ", "));
    }
    if (boost::edge(at, at, graph).second) {
      fail(ErrorCode::kConfig, "the job '{}' waits for itself", jobs[at].name);
    }
  }
  fail(ErrorCode::kInternal, "a job graph of {} jobs has no order and no cycle", jobs.size());
}

/// Positions so that each comes after its inputs, the earliest added first.
std::vector<std::size_t> ordered(const std::vector<Job>& jobs, const Dependences& graph) {
  std::vector<std::size_t> waiting(jobs.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t at = 0; at < jobs.size(); ++at) {
    waiting[at] = boost::in_degree(at, graph);
    if (waiting[at] == 0) ready.push(at);
  }
  std::vector<std::size_t> order;
  order.reserve(jobs.size());
  while (!ready.empty()) {
    const std::size_t at = ready.top();
    ready.pop();
    order.push_back(at);
    for (auto [edge, end] = boost::out_edges(at, graph); edge != end; ++edge) {
      const std::size_t next = boost::target(*edge, graph);
      if (--waiting[next] == 0) ready.push(next);
    }
  }
  if (order.size() != jobs.size()) report_cycle(graph, jobs);
  return order;
}

/// JSON has no NaN and no infinity: they would all become null and give different specs one identity.
void require_finite(const nlohmann::json& value, const std::string& job) {
  if (value.is_number_float()) {
    AFFINIS_CHECK(std::isfinite(value.get<double>()), ErrorCode::kConfig,
                  "job '{}' has a number in its spec that is not finite", job);
  }
  if (value.is_structured()) {
    for (const nlohmann::json& part : value) require_finite(part, job);
  }
}

}  // namespace

void JobGraph::add(Job job) {
  AFFINIS_CHECK(!job.name.empty(), ErrorCode::kInternal, "a job of kind '{}' has no name",
                job.kind);
  AFFINIS_CHECK(std::isfinite(job.cost) && job.cost >= 0, ErrorCode::kInternal,
                "job '{}' has the cost {}; it must be finite and not negative", job.name, job.cost);
  const bool fresh = position_.emplace(job.name, jobs_.size()).second;
  AFFINIS_CHECK(fresh, ErrorCode::kInternal, "there is already a job named '{}' in the graph",
                job.name);
  jobs_.push_back(std::move(job));
}

const Job& JobGraph::job(const std::string& name) const {
  const auto found = position_.find(name);
  AFFINIS_CHECK(found != position_.end(), ErrorCode::kInternal,
                "there is no job named '{}' in the graph", name);
  return jobs_[found->second];
}

std::vector<std::string> JobGraph::order() const {
  std::vector<std::string> names;
  for (const std::size_t at : ordered(jobs_, dependences(jobs_, position_)))
    names.push_back(jobs_[at].name);
  return names;
}

std::vector<std::vector<std::string>> JobGraph::levels() const {
  const std::vector<std::size_t> order = ordered(jobs_, dependences(jobs_, position_));
  std::vector<std::size_t> level(jobs_.size(), 0);
  std::vector<std::vector<std::string>> levels;
  for (const std::size_t at : order) {
    for (const std::string& input : jobs_[at].inputs) {
      level[at] = std::max(level[at], level[position_.at(input)] + 1);
    }
    if (level[at] >= levels.size()) levels.resize(level[at] + 1);
    levels[level[at]].push_back(jobs_[at].name);
  }
  return levels;
}

std::map<std::string, std::string> JobGraph::identities(const JobKinds& kinds) const {
  std::map<std::string, std::string> identities;
  for (const std::string& name : order()) {
    const Job& job = this->job(name);
    try {
      require_finite(job.spec, name);
      nlohmann::json inputs = nlohmann::json::array();
      for (const std::string& input : job.inputs) inputs.push_back(identities.at(input));
      const nlohmann::json all = {{"kind", job.kind},
                                  {"version", kinds.get(job.kind)->version()},
                                  {"spec", job.spec},
                                  {"inputs", inputs}};
      identities[name] = hash128_hex(all.dump());
    } catch (Error& error) {
      error.within("job " + name);
      throw;
    } catch (const nlohmann::json::exception& error) {
      fail(ErrorCode::kConfig, "the spec of job '{}' cannot be written as JSON: {}", name,
           error.what());
    }
  }
  return identities;
}

std::string job_folder_name(const Job& job, const std::string& identity) {
  constexpr std::size_t kLongest = 200;  // file systems allow 255 bytes, suffixes included
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-=,@";
  std::string readable = job.name.substr(0, kLongest);
  for (char& letter : readable) {
    if (letter == '/') letter = '.';
    if (kPlain.find(letter) == std::string_view::npos) letter = '_';
  }
  if (readable.front() == '.') readable.front() = '_';
  return "jobs/" + readable + "-" + identity.substr(0, 12);
}

}  // namespace affinis::run
