#include "framework/train/partners.h"

#include <algorithm>
#include <bitset>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

#include "framework/core/error.h"
#include "framework/data/field.h"

namespace affinis::train {
namespace {

/// Two views overlap when they share so many visible points; three fix a pose up to mirror images.
constexpr std::size_t kLeastShared = 3;

const char* what_is_missing(task::Partners rule) {
  switch (rule) {
    case task::Partners::kScene: return "no scene has enough views; render more views a room";
    case task::Partners::kFixated: return "no point is looked at from enough views; render with more views_per_point";
    case task::Partners::kOverlapping: return "no scene has views of different points that share visible ones; render more views a room";
    case task::Partners::kMatchOrNot: return "no point is looked at twice beside another one; render more views a room";
  }
  return "";
}

}  // namespace

struct Partners::State {
  struct View {
    std::int64_t position = 0;
    std::size_t scene = 0;
    std::int32_t fixation = -1;
    std::bitset<static_cast<std::size_t>(data::kPointRows)> seen;
  };
  struct Rule {
    task::Partners partners = task::Partners::kScene;
    std::int64_t count = 1;  ///< samples in all
  };

  std::vector<Rule> rules;
  std::vector<View> views;
  std::vector<std::vector<std::size_t>> scenes;           ///< views by scene
  std::unordered_map<std::int64_t, std::size_t> view_at;  ///< by position in the store

  /// Views of the anchor's scene that the rule lets go with it.
  std::vector<std::int64_t> candidates(task::Partners rule, const View& anchor) const {
    std::vector<std::int64_t> result;
    for (const std::size_t each : scenes[anchor.scene]) {
      const View& view = views[each];
      if (view.position == anchor.position) continue;
      const bool same_point = anchor.fixation >= 0 && view.fixation == anchor.fixation;
      const bool fits = rule == task::Partners::kScene ||
                        (rule == task::Partners::kFixated && same_point) ||
                        (rule == task::Partners::kOverlapping && !same_point && (view.seen & anchor.seen).count() >= kLeastShared);
      if (fits) result.push_back(view.position);
    }
    return result;
  }

  /// A view that matches, or one that does not; nothing when the anchor has no match at all: an anchor that could only ever be told
  /// apart would make one answer likelier than the other.
  std::vector<std::int64_t> match_or_not(const View& anchor, RandomStream& stream) const {
    std::vector<std::int64_t> matching = candidates(task::Partners::kFixated, anchor);
    if (matching.empty()) return {};
    const bool match = stream.uniform() < 0.5;
    const bool elsewhere = stream.uniform() < 0.5;
    if (match) return {matching[stream.below(matching.size())]};
    std::vector<std::int64_t> others;
    for (const std::size_t each : scenes[anchor.scene]) {
      if (views[each].fixation != anchor.fixation) others.push_back(views[each].position);
    }
    if ((elsewhere || others.empty()) && scenes.size() > 1) {
      std::size_t scene = stream.below(scenes.size() - 1);
      if (scene >= anchor.scene) ++scene;
      others.clear();
      for (const std::size_t each : scenes[scene]) others.push_back(views[each].position);
    }
    if (others.empty()) return {};
    return {others[stream.below(others.size())]};
  }

  bool has_partners(const Rule& rule, const View& anchor) const {
    if (rule.partners == task::Partners::kMatchOrNot) {
      const auto& scene = scenes[anchor.scene];
      const bool another = scenes.size() > 1 || std::any_of(scene.begin(), scene.end(), [&](std::size_t each) {
                             return views[each].fixation != anchor.fixation;
                           });
      return another && !candidates(task::Partners::kFixated, anchor).empty();
    }
    return static_cast<std::int64_t>(candidates(rule.partners, anchor).size()) >= rule.count - 1;
  }
};

Partners::Partners(const data::Store& store, const std::vector<std::int64_t>& pool,
                   const std::vector<std::shared_ptr<const task::Task>>& tasks)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  std::vector<std::string> fields;
  for (const auto& each : tasks) {
    const task::TaskInfo& info = each->info();
    state.rules.push_back({info.partners, info.sample_count()});
    if (info.sample_count() == 1) continue;
    AFFINIS_CHECK(info.partners != task::Partners::kMatchOrNot || info.sample_count() == 2, ErrorCode::kInternal,
                  "task '{}' asks for {} samples that match or not; that rule makes pairs", info.name, info.sample_count());
    if (info.partners != task::Partners::kScene) fields.push_back("fixation");
    if (info.partners == task::Partners::kOverlapping) fields.push_back("points");
  }
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  if (std::all_of(state.rules.begin(), state.rules.end(), [](const State::Rule& rule) { return rule.count == 1; })) return;

  std::vector<std::int64_t> positions = pool;
  if (positions.empty()) {
    positions.resize(static_cast<std::size_t>(store.size()));
    std::iota(positions.begin(), positions.end(), 0);
  }
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  std::map<std::pair<std::string, std::string>, std::size_t> scene_numbers;
  for (const std::int64_t position : positions) {
    const data::SampleKey& key = store.key(position);
    const std::size_t scene = scene_numbers.emplace(std::pair(key.building, key.scene), scene_numbers.size()).first->second;
    if (scene == state.scenes.size()) state.scenes.emplace_back();
    State::View view;
    view.position = position;
    view.scene = scene;
    if (!fields.empty()) {
      const data::Sample sample = store.read(position, fields);
      view.fixation = sample.field("fixation").as<std::int32_t>().front();
      if (sample.fields.contains("points")) {
        const auto points = sample.field("points").as<float>();
        for (std::int64_t row = 0; row < data::kPointRows; ++row) {
          view.seen[static_cast<std::size_t>(row)] = points[static_cast<std::size_t>((row + 1) * data::kPointColumns - 1)] > 0;
        }
      }
    }
    state.scenes[scene].push_back(state.views.size());
    state.view_at.emplace(position, state.views.size());
    state.views.push_back(view);
  }
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    if (state.rules[t].count == 1) continue;
    const bool some = std::any_of(state.views.begin(), state.views.end(),
                                  [&](const State::View& view) { return state.has_partners(state.rules[t], view); });
    AFFINIS_CHECK(some, ErrorCode::kData, "{}: the task '{}' looks at {} samples at once, but {} (scenes are those of {} samples, as {})",
                  store.path().string(), tasks[t]->info().name, state.rules[t].count, what_is_missing(state.rules[t].partners),
                  positions.size(), positions.empty() ? "none" : store.key(positions.front()).name());
  }
}

Partners::~Partners() = default;

std::vector<std::int64_t> Partners::draw(std::size_t task, std::int64_t anchor, RandomStream& stream) const {
  const State::Rule& rule = state_->rules.at(task);
  const auto known = state_->view_at.find(anchor);
  AFFINIS_CHECK(known != state_->view_at.end(), ErrorCode::kInternal, "sample {} is not in the pool that partners are drawn from", anchor);
  const State::View& view = state_->views[known->second];
  std::vector<std::int64_t> chosen;
  if (rule.partners == task::Partners::kMatchOrNot) {
    chosen = state_->match_or_not(view, stream);
  } else {
    chosen = state_->candidates(rule.partners, view);
    stream.shuffle(std::span(chosen));
    chosen.resize(std::min(chosen.size(), static_cast<std::size_t>(rule.count - 1)));
  }
  chosen.insert(chosen.begin(), anchor);
  return chosen;
}

}  // namespace affinis::train
