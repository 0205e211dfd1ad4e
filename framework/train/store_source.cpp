#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/train/batch_source.h"

namespace affinis::train {
namespace {

using Tasks = std::vector<std::shared_ptr<const task::Task>>;

/// What one sample becomes: an example a task, and for each task the first task that made the same input (itself when none before did).
struct Item {
  std::int64_t index = 0;
  std::vector<task::Example> examples;
  std::vector<std::size_t> input_of;
};

bool equal_inputs(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_same(b)) return true;
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

/// For every position of a store the other views of its scene.
class Partners {
 public:
  Partners(const data::Store& store, const std::vector<std::int64_t>& subset, const Tasks& tasks) {
    std::int64_t greatest_arity = 1;
    std::string hungriest;
    for (const auto& each : tasks) {
      if (each->info().arity > greatest_arity) {
        greatest_arity = each->info().arity;
        hungriest = each->info().name;
      }
    }
    if (greatest_arity == 1) return;
    std::map<std::pair<std::string, std::string>, std::vector<std::int64_t>> scenes;
    const auto visit = [&](std::int64_t index) {
      const data::SampleKey& key = store.key(index);
      scenes[{key.building, key.scene}].push_back(index);
    };
    if (subset.empty()) {
      for (std::int64_t index = 0; index < store.size(); ++index) visit(index);
    } else {
      for (const std::int64_t index : subset) visit(index);
    }
    for (const auto& [scene, views] : scenes) {
      AFFINIS_CHECK(static_cast<std::int64_t>(views.size()) >= greatest_arity, ErrorCode::kData,
                    "{}: the scene of sample {} has {} views, but the task '{}' looks at {} at once; leave its samples out or render more",
                    store.path().string(), store.key(views.front()).name(), views.size(), hungriest, greatest_arity);
      for (const std::int64_t view : views) {
        std::vector<std::int64_t>& others = others_[view];
        std::copy_if(views.begin(), views.end(), std::back_inserter(others), [&](std::int64_t each) { return each != view; });
      }
    }
  }

  std::vector<std::int64_t> draw(std::int64_t index, std::int64_t count, RandomStream& stream) const {
    std::vector<std::int64_t> others = others_.at(index);
    stream.shuffle(std::span(others));
    others.resize(static_cast<std::size_t>(count));
    return others;
  }

 private:
  std::map<std::int64_t, std::vector<std::int64_t>> others_;
};

class StoreSource : public BatchSource {
 public:
  StoreSource(std::shared_ptr<const data::Store> store, Tasks tasks, data::LoaderOptions options)
      : store_(std::move(store)),
        tasks_(std::move(tasks)),
        options_(with_task_fields(std::move(options), tasks_)),
        partners_(*store_, options_.subset, tasks_),
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
      if (task.info().arity == 1) {
        item.examples.push_back(task.example({&sample, 1}, own));
      } else {
        std::vector<data::Sample> samples = {sample};
        for (const std::int64_t partner : partners_.draw(sample.index, task.info().arity - 1, own)) {
          samples.push_back(store_->read(partner, options_.fields));
        }
        item.examples.push_back(task.example(samples, own));
      }
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
                                               std::vector<std::shared_ptr<const task::Task>> tasks, data::LoaderOptions options) {
  return std::make_unique<StoreSource>(std::move(store), std::move(tasks), std::move(options));
}

}  // namespace affinis::train
