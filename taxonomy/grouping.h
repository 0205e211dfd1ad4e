#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace affinis::taxonomy {

/// One network that could be trained: which tasks it solves, what it costs and how well it does.
struct CandidateNetwork {
  std::string name;
  double cost = 0;
  std::vector<std::size_t> tasks;      ///< positions in NetworkTable::tasks, ascending
  std::vector<double> validation;      ///< loss, one a task; NaN where missing
  std::vector<double> early;           ///< validation loss early in training
  std::vector<double> test;
};

/// Candidates for multi-task networks (Standley et al., ICML 2020).
struct NetworkTable {
  std::string name = "network table";  ///< the file, for error sentences
  std::vector<std::string> tasks;      ///< sorted
  std::vector<CandidateNetwork> networks;
};

/// Reads csv `network,task,cost,validation_loss,early_validation_loss,test_loss`, a row a network and task, loss cells may be empty. Rows
/// of one name and cost are one network, so that a half-size and a full network may share a name. Throws Error(kIo), Error(kFormat),
/// Error(kData) with file and line: an empty name, a cost that is missing or negative, the same row twice, more than 62 tasks.
NetworkTable read_network_table(const std::filesystem::path& path);
NetworkTable parse_network_table(std::string_view text, const std::string& name);

/// What a network is chosen by.
enum class GroupingMethod {
  kOptimal,      ///< its validation loss: all networks were trained
  kEarlyStop,    ///< its validation loss early in training
  kHigherOrder,  ///< for three tasks and more the mean of a task's validation loss in the pairs within: only pairs were trained
};

/// "optimal", "esa", "hoa"; throws Error(kUsage) otherwise.
GroupingMethod parse_grouping_method(std::string_view name);

/// The losses that `method` chooses by, one list a network, NaN where a task cannot be used. Higher-order: pairs of the network's own cost,
/// where there are none, of the lowest cost. Throws Error(kData) that names what is missing: a loss, a pair.
std::vector<std::vector<double>> selection_losses(const NetworkTable& table, GroupingMethod method);

/// Networks to train, and which of them serves each task.
struct Grouping {
  double budget = 0;
  std::vector<std::size_t> networks;  ///< positions in NetworkTable::networks, ascending
  std::vector<std::size_t> serves;    ///< one of them a task: that of the least validation loss, known once they are trained
  double selection_loss = 0;          ///< sum over tasks of what was minimised
  double bound = 0;                   ///< no choice has less; equal to selection_loss when proven
  bool proven = false;
  double validation_loss = 0;         ///< sum over tasks of the least loss among `networks`; NaN where a task has none
  double test_loss = 0;               ///< likewise on test data, as the paper reports it
  double seconds = 0;
  std::optional<std::string> infeasible;  ///< why this budget serves not every task; the rest is empty then
};

struct GroupingOptions {
  double time_limit = 60;              ///< seconds for one budget, of the branch and bound
  std::size_t most_exact_tasks = 14;   ///< up to so many tasks the subset programme is used, where its table fits
};

/// Chooses networks of a total cost within each budget so that every task is solved and the sum over tasks of the best chosen network's
/// `losses` is least. Exact and proven by a programme over subsets of tasks and sums of costs (any costs) for up to `most_exact_tasks`
/// tasks; beyond, the taxonomy solver's branch and bound with `bound` as its honest gap. Of equal choices one of the
/// lowest cost is taken, always the same for the same table; a network that serves no task is left out.
/// Throws Error(kUsage) for a negative budget and Error(kData) when a task has no usable network at all.
std::vector<Grouping> solve_grouping(const NetworkTable& table, const std::vector<std::vector<double>>& losses,
                                     const std::vector<double>& budgets, const GroupingOptions& options = {});

/// How much training with another task helps a task.
struct PairTable {
  std::vector<std::string> tasks;  ///< sorted
  std::vector<double> values;      ///< tasks x tasks, row: the task that is helped, column: the helper; diagonal: alone, or NaN
};

/// Reads csv `task,helper,<column>` with every ordered pair of different tasks: inter-task affinities (TAG, Fifty et al. 2021), gradient
/// cosines, or losses in pairs; a task with itself is a network of its own. Throws Error with file and line, or naming a missing pair.
PairTable read_pair_table(const std::filesystem::path& path, const std::string& column);

/// All groups of two and more tasks as networks of cost 1. A task's loss in a group is minus the mean affinity towards it of the others
/// (`affinities`), or its mean loss in the pairs with them; with losses a task alone is a group too where the diagonal is given (an
/// affinity of a task with itself says nothing of training it alone). Budgets are numbers of groups. Throws Error(kUsage) for fewer than 2
/// or more than 14 tasks.
NetworkTable groups_from_pairs(const PairTable& pairs, bool affinities);

/// By how many percent a task's test loss alone exceeds that in a pair: 100 (alone / pair - 1), row: the task, column: its partner; NaN
/// where a loss is missing and on the diagonal. Alone: the cheapest network of the task, half-size in the paper. Of several networks of
/// a pair the cheapest counts.
PairTable pair_gains(const NetworkTable& table);

}  // namespace affinis::taxonomy
