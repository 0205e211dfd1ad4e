#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/core/random.h"
#include "framework/data/store.h"
#include "framework/task/task.h"

namespace affinis::train {

/// For every sample of a store the samples that may complete an example with it, as each task's TaskInfo::partners says. Partners come
/// from the same pool as the anchors, so that a small training set stays small.
class Partners {
 public:
  /// `pool`: positions of anchors and partners; empty: the whole store. Reads the fields fixation and points where a task's rule needs them. Throws Error(kData) that
  /// names store, task and remedy when no sample at all finds its partners.
  Partners(const data::Store& store, const std::vector<std::int64_t>& pool, const std::vector<std::shared_ptr<const task::Task>>& tasks);
  ~Partners();

  /// Positions of the samples of one example, the anchor first; fewer than the task asks for when the anchor has too few partners.
  std::vector<std::int64_t> draw(std::size_t task, std::int64_t anchor, RandomStream& stream) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace affinis::train
