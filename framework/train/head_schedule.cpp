#include "framework/train/head_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "framework/core/random.h"
#include "framework/train/balance/number_lists.h"

namespace affinis::train {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kLongestPeriod = 4;

}  // namespace

HeadSchedule::HeadSchedule(const BalanceOptions& options, std::vector<std::string> tasks, std::uint64_t seed)
    : dynamic_(options.balancer == "dynamic" && tasks.size() > 1),
      rule_(options.head_schedule),
      patience_(options.head_patience),
      seed_(seed),
      tasks_(std::move(tasks)),
      stopped_(tasks_.size(), false),
      best_(tasks_.size(), kUnknown),
      without_better_(tasks_.size(), 0),
      first_(tasks_.size(), kUnknown),
      sums_(tasks_.size(), 0.0),
      counts_(tasks_.size(), 0) {
  if (tasks_.size() == 1) {
    periods_ = {1};
    return;
  }
  for (const double each : task_values(options.periods, tasks_, 1, "periods")) periods_.push_back(static_cast<std::int64_t>(each));
}

std::vector<bool> HeadSchedule::heads_at(std::int64_t step, std::span<const std::int64_t> labels) const {
  const std::size_t count = tasks_.size();
  std::vector<bool> learns(count, false);
  if (rule_ == "all" || count == 1) {
    for (std::size_t h = 0; h < count; ++h) learns[h] = !stopped_[h] && step % periods_[h] == 0;
    return learns;
  }
  std::vector<std::int64_t> shares(count);
  for (std::size_t h = 0; h < count; ++h) shares[h] = stopped_[h] ? 0 : labels[h];
  const std::int64_t total = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  if (total == 0) return learns;
  if (rule_ == "round-robin") {
    std::size_t turn = static_cast<std::size_t>(step) % count;
    while (shares[turn] == 0) turn = (turn + 1) % count;
    learns[turn] = true;
    return learns;
  }
  RandomStream stream(seed_, "head_schedule", {static_cast<std::uint64_t>(step)});
  auto drawn = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(total)));
  std::size_t head = 0;
  while (drawn >= shares[head]) drawn -= shares[head++];
  learns[head] = true;
  return learns;
}

void HeadSchedule::learned(std::span<const double> losses, bool ends_epoch) {
  if (!dynamic_) return;
  for (std::size_t h = 0; h < losses.size(); ++h) {
    if (std::isnan(losses[h])) continue;
    if (std::isnan(first_[h])) first_[h] = losses[h];
    sums_[h] += losses[h];
    ++counts_[h];
  }
  if (ends_epoch) set_periods();
}

/// The head that has come least far from its first loss learns in every step, one that is k times nearer to 0 in every k-th.
void HeadSchedule::set_periods() {
  std::vector<double> left(tasks_.size(), kUnknown);
  double most = 0;
  for (std::size_t h = 0; h < left.size(); ++h) {
    if (counts_[h] > 0 && first_[h] > 0) left[h] = sums_[h] / static_cast<double>(counts_[h]) / first_[h];
    if (left[h] > most) most = left[h];
  }
  for (std::size_t h = 0; h < left.size(); ++h) {
    if (std::isnan(left[h]) || most == 0) continue;
    const double ratio = left[h] > 0 ? most / left[h] : static_cast<double>(kLongestPeriod);
    periods_[h] = static_cast<std::int64_t>(std::clamp(std::round(ratio), 1.0, static_cast<double>(kLongestPeriod)));
  }
  std::fill(sums_.begin(), sums_.end(), 0.0);
  std::fill(counts_.begin(), counts_.end(), 0);
}

std::vector<std::size_t> HeadSchedule::validated(std::span<const double> losses) {
  std::vector<std::size_t> stops;
  if (patience_ == 0) return stops;
  for (std::size_t h = 0; h < losses.size(); ++h) {
    if (stopped_[h] || std::isnan(losses[h])) continue;
    if (std::isnan(best_[h]) || losses[h] < best_[h]) {
      best_[h] = losses[h];
      without_better_[h] = 0;
    } else if (++without_better_[h] >= patience_) {
      stopped_[h] = true;
      stops.push_back(h);
    }
  }
  return stops;
}

bool HeadSchedule::all_stopped() const { return std::all_of(stopped_.begin(), stopped_.end(), [](bool each) { return each; }); }

nlohmann::json HeadSchedule::state() const {
  nlohmann::json json;
  if (patience_ > 0) {
    json["stopped"] = stopped_;
    json["best"] = numbers(best_);
    json["without_better"] = without_better_;
  }
  if (dynamic_) {
    json["periods"] = periods_;
    json["first"] = numbers(first_);
    json["sums"] = sums_;
    json["counts"] = counts_;
  }
  return json;
}

void HeadSchedule::load_state(const nlohmann::json& state) {
  if (patience_ > 0) {
    stopped_ = state.at("stopped").get<std::vector<bool>>();
    best_ = numbers_from(state.at("best"));
    without_better_ = state.at("without_better").get<std::vector<std::int64_t>>();
  }
  if (dynamic_) {
    periods_ = state.at("periods").get<std::vector<std::int64_t>>();
    first_ = numbers_from(state.at("first"));
    sums_ = state.at("sums").get<std::vector<double>>();
    counts_ = state.at("counts").get<std::vector<std::int64_t>>();
  }
}

}  // namespace affinis::train
