#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/train/batch_source.h"
#include "framework/train/partners.h"

namespace affinis::train {
namespace {

using Tasks = std::vector<std::shared_ptr<const task::Task>>;

/// What one sample becomes: an example a task, and for each task the first task that made the same input (itself when none before did).
struct Item {
  std::int64_t index = 0;
  std::vector<task::Example> examples;
  std::vector<std::size_t> input_of;
  std::vector<std::vector<std::int64_t>> samples_of;  ///< by task: positions of its samples; empty for tasks on single samples
};

bool equal_inputs(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_same(b)) return true;
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

/// An example whose sample has no partners counts as one without a label.
void take_label_away(task::Example& example, const task::Task& task) {
  AFFINIS_CHECK(example.mask.defined(), ErrorCode::kInternal,
                "task '{}' looks at {} samples at once, but its example() makes no mask; make one (1 where the label is valid), for samples "
                "without partners",
                task.info().name, task.info().sample_count());
  example.mask = at::zeros_like(example.mask);
}

class StoreSource : public BatchSource {
 public:
  StoreSource(std::shared_ptr<const data::Store> store, Tasks tasks, data::LoaderOptions options, const std::vector<std::int64_t>& partner_pool)
      : store_(std::move(store)),
        tasks_(std::move(tasks)),
        options_(with_task_fields(std::move(options), tasks_)),
        partners_(*store_, partner_pool.empty() ? options_.subset : partner_pool, tasks_),
        loader_(*store_, options_, [this](const data::Sample& sample, RandomStream& stream) { return derive(sample, stream); }) {}

  std::int64_t batches_per_epoch() const override { return data::batch_count(options_, store_->size()); }

  void start(std::int64_t epoch, std::int64_t first_batch) override { loader_.start(epoch, first_batch); }

  std::optional<std::vector<task::Batch>> next() override {
    std::optional<std::vector<Item>> items = loader_.next();
    if (!items) return std::nullopt;
    std::vector<std::int64_t> indices;
    for (const Item& item : *items) indices.push_back(item.index);
    std::vector<task::Batch> batches;
    std::vector<task::Example> examples(items->size());
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const std::size_t owner = input_owner(*items, t);
      for (std::size_t i = 0; i < items->size(); ++i) {
        examples[i] = std::move((*items)[i].examples[t]);
        // A shared input is stacked once, by its owner.
        if (owner != t) examples[i].input = nothing_;
      }
      batches.push_back(task::collate(examples, indices));
      if (owner != t) batches[t].input = batches[owner].input;
      for (const Item& item : *items) {
        batches[t].sample_indices.insert(batches[t].sample_indices.end(), item.samples_of[t].begin(), item.samples_of[t].end());
      }
    }
    return batches;
  }

  std::string sample_name(std::int64_t index) const override { return store_->key(index).name(); }

 private:
  static data::LoaderOptions with_task_fields(data::LoaderOptions options, const Tasks& tasks) {
    AFFINIS_CHECK(!tasks.empty(), ErrorCode::kUsage, "a batch source needs at least one task");
    std::set<std::string> fields(options.fields.begin(), options.fields.end());
    for (const auto& each : tasks) fields.insert(each->info().fields.begin(), each->info().fields.end());
    options.fields.assign(fields.begin(), fields.end());
    return options;
  }

  static std::size_t input_owner(const std::vector<Item>& items, std::size_t task) {
    const std::size_t owner = items.front().input_of[task];
    const bool agreed = std::all_of(items.begin(), items.end(), [&](const Item& item) { return item.input_of[task] == owner; });
    return agreed ? owner : task;
  }

  Item derive(const data::Sample& sample, RandomStream& stream) const {
    Item item;
    item.index = sample.index;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const task::Task& task = *tasks_[t];
      RandomStream own = stream.fork(task.info().name);
      std::vector<std::int64_t> positions;
      if (task.info().sample_count() == 1) {
        item.examples.push_back(task.example({&sample, 1}, own));
      } else {
        positions = partners_.draw(t, sample.index, own);
        std::vector<data::Sample> samples = {sample};
        for (std::size_t i = 1; i < positions.size(); ++i) samples.push_back(store_->read(positions[i], options_.fields));
        const bool complete = static_cast<std::int64_t>(samples.size()) == task.info().sample_count();
        while (static_cast<std::int64_t>(samples.size()) < task.info().sample_count()) {
          samples.push_back(sample);
          positions.push_back(sample.index);
        }
        item.examples.push_back(task.example(samples, own));
        if (!complete) take_label_away(item.examples.back(), task);
      }
      item.samples_of.push_back(std::move(positions));
      std::size_t owner = 0;
      while (owner < t && !equal_inputs(item.examples[owner].input, item.examples[t].input)) ++owner;
      item.input_of.push_back(owner);
    }
    return item;
  }

  std::shared_ptr<const data::Store> store_;
  Tasks tasks_;
  data::LoaderOptions options_;
  Partners partners_;
  at::Tensor nothing_ = at::empty({0});
  // Last: its threads use all of the above until it is gone.
  data::Loader<Item> loader_;
};

}  // namespace

std::unique_ptr<BatchSource> make_store_source(std::shared_ptr<const data::Store> store,
                                               std::vector<std::shared_ptr<const task::Task>> tasks, data::LoaderOptions options,
                                               std::vector<std::int64_t> partner_pool) {
  return std::make_unique<StoreSource>(std::move(store), std::move(tasks), std::move(options), partner_pool);
}

}  // namespace affinis::train
