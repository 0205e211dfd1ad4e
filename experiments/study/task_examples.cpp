#include "experiments/study/task_examples.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "experiments/data_set/render_data_set.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/data/annotation.h"
#include "framework/train/partners.h"

namespace affinis::experiments {
namespace {

/// A small data set that needs no download: what a task is looked at on when the user names none.
std::filesystem::path render_rooms(const std::filesystem::path& folder, Logger& logger) {
  RenderDataSetOptions options;
  options.train_buildings = options.transfer_buildings = options.test_buildings = 1;
  options.views_per_room = 6;
  options.furniture = "parametric";
  render_data_set(options, folder, logger, [](double, double) {});
  return folder;
}

/// Costly labels that the store lacks are computed on the spot: a few samples do not ask for 'data annotate' first.
data::Sample read_sample(const data::Store& store, std::int64_t position, const std::vector<std::string>& fields) {
  const std::vector<std::string>& stored = store.info().fields;
  std::set<std::string> read;
  std::vector<std::string> computed;
  for (const std::string& field : fields) {
    const auto costly = std::find_if(data::annotations().begin(), data::annotations().end(),
                                     [&](const data::Annotation& each) { return each.field == field; });
    if (costly == data::annotations().end() || std::find(stored.begin(), stored.end(), field) != stored.end()) {
      read.insert(field);
    } else {
      computed.push_back(field);
      read.insert(costly->needs.begin(), costly->needs.end());
    }
  }
  data::Sample sample = store.read(position, std::vector<std::string>(read.begin(), read.end()));
  data::annotate(sample, computed);
  return sample;
}

}  // namespace

ExampleRooms::ExampleRooms(const std::string& folder, Logger& logger) {
  if (folder.empty()) {
    rendered_.emplace();
    data_.emplace(render_rooms(rendered_->path(), logger));
  } else {
    data_.emplace(folder);
  }
}

TaskExamples make_task_examples(const task::TaskType& type, const ExampleRooms& rooms, std::int64_t count) {
  const data::DataSet& data = rooms.data();
  const data::Store& store = data.split(data::kTrainSplit);
  TaskExamples examples;
  task::TaskContext context;
  context.image_side = data.image_side();
  context.vocabularies = data.vocabularies();
  examples.task = type.make(context);

  const train::Partners partners(store, {}, {examples.task});
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(1, examples.task->info().sample_count()));
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    // A sample without partners is no example: the next one that has some stands in.
    for (next = std::max(next, i * store.size() / count); next < store.size(); ++next) {
      RandomStream stream(1, "partners", {static_cast<std::uint64_t>(next)});
      const std::vector<std::int64_t> positions = wanted > 1 ? partners.draw(0, next, stream) : std::vector<std::int64_t>{next};
      if (positions.size() < wanted) continue;
      task::SampleGroup& group = examples.groups.emplace_back();
      for (const std::int64_t position : positions) group.push_back(read_sample(store, position, type.info.fields));
      ++next;
      break;
    }
  }
  return examples;
}

}  // namespace affinis::experiments
