#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"
#include "taxonomy/grouping.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

constexpr std::size_t kMostTasks = 62;
constexpr std::size_t kMostPairTasks = 14;

const std::vector<std::string> kGroupingColumns = {"network", "task", "cost", "validation_loss", "early_validation_loss", "test_loss"};

struct Losses {
  double validation = kMissing;
  double early = kMissing;
  double test = kMissing;
};

/// The mean over the other tasks of a network of `task`'s validation loss in the pair with each.
double mean_over_pairs(const NetworkTable& table, const CandidateNetwork& network, std::size_t task) {
  double sum = 0;
  for (const std::size_t other : network.tasks) {
    if (other == task) continue;
    const std::vector<std::size_t> wanted = {std::min(task, other), std::max(task, other)};
    const CandidateNetwork* pair = nullptr;
    for (const CandidateNetwork& candidate : table.networks) {
      if (candidate.tasks != wanted) continue;
      if (candidate.cost == network.cost) {
        pair = &candidate;
        break;
      }
      if (pair == nullptr || candidate.cost < pair->cost) pair = &candidate;
    }
    AFFINIS_CHECK(pair != nullptr, ErrorCode::kData,
                  "{}: the higher-order approximation of network '{}' needs a network of '{}' and '{}' alone, but there is none", table.name,
                  network.name, table.tasks[wanted[0]], table.tasks[wanted[1]]);
    const double loss = pair->validation[task == wanted[0] ? 0 : 1];
    AFFINIS_CHECK(!std::isnan(loss), ErrorCode::kData, "{}: network '{}' has no validation loss for task '{}'", table.name, pair->name,
                  table.tasks[task]);
    sum += loss;
  }
  return sum / static_cast<double>(network.tasks.size() - 1);
}

}  // namespace

NetworkTable parse_network_table(std::string_view text, const std::string& name) {
  using Key = std::pair<std::string, double>;
  std::vector<Key> order;
  std::map<Key, std::map<std::string, Losses>> networks;
  std::set<std::string> tasks;
  std::vector<std::size_t> columns;
  for_each_record(text, name, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, kGroupingColumns, name);
      return;
    }
    const auto number = [&](std::size_t column) { return parse_csv_number(record.fields[columns[column]], kGroupingColumns[column], name, record.line); };
    const std::string network = trim(record.fields[columns[0]]);
    const std::string task = trim(record.fields[columns[1]]);
    AFFINIS_CHECK(!network.empty() && !task.empty(), ErrorCode::kData, "{} line {}: the {} is empty", name, record.line,
                  network.empty() ? "network" : "task");
    const double cost = number(2);
    AFFINIS_CHECK(cost >= 0, ErrorCode::kData, "{} line {}: the cost of network '{}' is {}, but must be a number of at least 0", name,
                  record.line, network, std::isnan(cost) ? "missing" : csv_number(cost));
    const Key key{network, cost};
    if (!networks.contains(key)) order.push_back(key);
    AFFINIS_CHECK(networks[key].emplace(task, Losses{number(3), number(4), number(5)}).second, ErrorCode::kData,
                  "{} line {}: task '{}' of network '{}' at cost {} was given before; remove one of the two", name, record.line, task, network,
                  csv_number(cost));
    tasks.insert(task);
    AFFINIS_CHECK(tasks.size() <= kMostTasks, ErrorCode::kData, "{} line {}: there are more than {} tasks", name, record.line, kMostTasks);
  });
  NetworkTable table;
  table.name = name;
  table.tasks.assign(tasks.begin(), tasks.end());
  for (const Key& key : order) {
    CandidateNetwork network;
    network.name = key.first;
    network.cost = key.second;
    for (const auto& [task, losses] : networks[key]) {
      network.tasks.push_back(static_cast<std::size_t>(std::lower_bound(table.tasks.begin(), table.tasks.end(), task) - table.tasks.begin()));
      network.validation.push_back(losses.validation);
      network.early.push_back(losses.early);
      network.test.push_back(losses.test);
    }
    table.networks.push_back(std::move(network));
  }
  return table;
}

NetworkTable read_network_table(const std::filesystem::path& path) { return parse_network_table(read_file(path), path.string()); }

GroupingMethod parse_grouping_method(std::string_view name) {
  if (name == "optimal") return GroupingMethod::kOptimal;
  if (name == "esa") return GroupingMethod::kEarlyStop;
  if (name == "hoa") return GroupingMethod::kHigherOrder;
  fail(ErrorCode::kUsage, "there is no grouping method '{}'; choose one of optimal, esa, hoa", name);
}

std::vector<std::vector<double>> selection_losses(const NetworkTable& table, GroupingMethod method) {
  std::vector<std::vector<double>> losses;
  for (const CandidateNetwork& network : table.networks) {
    std::vector<double>& own = losses.emplace_back();
    for (std::size_t i = 0; i < network.tasks.size(); ++i) {
      if (method == GroupingMethod::kHigherOrder && network.tasks.size() > 2) {
        own.push_back(mean_over_pairs(table, network, network.tasks[i]));
        continue;
      }
      const bool early = method == GroupingMethod::kEarlyStop;
      own.push_back((early ? network.early : network.validation)[i]);
      AFFINIS_CHECK(!std::isnan(own.back()), ErrorCode::kData, "{}: network '{}' has no {} for task '{}'", table.name, network.name,
                    early ? "early_validation_loss" : "validation_loss", table.tasks[network.tasks[i]]);
    }
  }
  return losses;
}

PairTable read_pair_table(const std::filesystem::path& path, const std::string& column) {
  const std::string name = path.string();
  const std::string text = read_file(path);
  const std::array<std::string, 3> names = {"task", "helper", column};
  std::vector<std::size_t> columns;
  std::map<std::pair<std::string, std::string>, double> values;
  std::set<std::string> tasks;
  for_each_record(text, name, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, names, name);
      return;
    }
    const std::string task = trim(record.fields[columns[0]]);
    const std::string helper = trim(record.fields[columns[1]]);
    AFFINIS_CHECK(!task.empty() && !helper.empty(), ErrorCode::kData, "{} line {}: the {} is empty", name, record.line,
                  task.empty() ? "task" : "helper");
    const double value = parse_csv_number(record.fields[columns[2]], column, name, record.line);
    AFFINIS_CHECK(!std::isnan(value), ErrorCode::kData, "{} line {}: the {} of '{}' with '{}' is missing", name, record.line, column, task,
                  helper);
    AFFINIS_CHECK(values.emplace(std::pair(task, helper), value).second, ErrorCode::kData,
                  "{} line {}: '{}' with '{}' was given before; remove one of the two", name, record.line, task, helper);
    tasks.insert(task);
    tasks.insert(helper);
  });
  PairTable table;
  table.tasks.assign(tasks.begin(), tasks.end());
  for (const std::string& task : table.tasks) {
    for (const std::string& helper : table.tasks) {
      const auto found = values.find({task, helper});
      AFFINIS_CHECK(task == helper || found != values.end(), ErrorCode::kData, "{}: there is no {} of task '{}' with helper '{}'; add the row",
                    name, column, task, helper);
      table.values.push_back(found == values.end() ? kMissing : found->second);
    }
  }
  return table;
}

NetworkTable groups_from_pairs(const PairTable& pairs, bool affinities) {
  const std::size_t count = pairs.tasks.size();
  AFFINIS_CHECK(count >= 2 && count <= kMostPairTasks, ErrorCode::kUsage, "groups can be made of 2 to {} tasks, but there are {}",
                kMostPairTasks, count);
  NetworkTable table;
  table.tasks = pairs.tasks;
  for (std::size_t mask = 1; mask < (std::size_t{1} << count); ++mask) {
    const bool alone = std::popcount(mask) == 1;
    if (alone && (affinities || std::isnan(pairs.values[static_cast<std::size_t>(std::countr_zero(mask)) * (count + 1)]))) continue;
    CandidateNetwork group;
    group.cost = 1;
    std::vector<std::string> names;
    for (std::size_t t = 0; t < count; ++t) {
      if ((mask >> t & 1U) == 0) continue;
      group.tasks.push_back(t);
      names.push_back(pairs.tasks[t]);
    }
    for (const std::size_t task : group.tasks) {
      double sum = 0;
      for (const std::size_t other : group.tasks) {
        if (other != task || alone) sum += pairs.values[task * count + other];
      }
      const double mean = sum / static_cast<double>(alone ? 1 : group.tasks.size() - 1);
      group.validation.push_back(affinities ? -mean : mean);
    }
    group.early.assign(group.tasks.size(), kMissing);
    group.test.assign(group.tasks.size(), kMissing);
    group.name = join(names, "+");
    table.networks.push_back(std::move(group));
  }
  return table;
}

PairTable pair_gains(const NetworkTable& table) {
  const std::size_t count = table.tasks.size();
  // The cheapest network of exactly these tasks.
  const auto cheapest = [&](const std::vector<std::size_t>& tasks) {
    const CandidateNetwork* best = nullptr;
    for (const CandidateNetwork& network : table.networks) {
      if (network.tasks == tasks && (best == nullptr || network.cost < best->cost)) best = &network;
    }
    return best;
  };
  PairTable gains{table.tasks, std::vector<double>(count * count, kMissing)};
  for (std::size_t task = 0; task < count; ++task) {
    const CandidateNetwork* alone = cheapest({task});
    for (std::size_t partner = 0; partner < count; ++partner) {
      if (partner == task || alone == nullptr) continue;
      const CandidateNetwork* pair = cheapest({std::min(task, partner), std::max(task, partner)});
      if (pair == nullptr) continue;
      gains.values[task * count + partner] = 100 * (alone->test.front() / pair->test[task < partner ? 0 : 1] - 1);
    }
  }
  return gains;
}

}  // namespace affinis::taxonomy
