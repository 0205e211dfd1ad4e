#include "framework/data/data_set.h"

#include <utility>

#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"

namespace affinis::data {

DataSet::DataSet(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  AFFINIS_CHECK(std::filesystem::is_directory(folder_, ignored), ErrorCode::kIo, "the data folder {} does not exist; make one with 'affinis data render'",
                folder_.string());
  for (const char* split : {kTrainSplit, kTransferSplit, kTestSplit}) {
    const std::filesystem::path path = folder_ / (std::string(split) + ".h5");
    if (!std::filesystem::exists(path, ignored)) continue;
    auto store = std::make_shared<const Store>(path);
    AFFINIS_CHECK(store->info().split == split, ErrorCode::kData, "{} says that it holds the split '{}'; rename it to {}.h5", path.string(),
                  store->info().split, store->info().split);
    stores_[split] = std::move(store);
  }
  AFFINIS_CHECK(!stores_.empty(), ErrorCode::kData, "{} holds no train.h5, transfer.h5 or test.h5; make them with 'affinis data render'",
                folder_.string());

  const Store& first = *stores_.begin()->second;
  std::map<std::string, const Store*> home;
  std::string told;
  for (const auto& [split, store] : stores_) {
    AFFINIS_CHECK(store->info().image_side == first.info().image_side, ErrorCode::kData, "{} has image side {}, {} has {}; one data set has one size",
                  store->path().string(), store->info().image_side, first.path().string(), first.info().image_side);
    AFFINIS_CHECK(store->info().vocabularies == first.info().vocabularies, ErrorCode::kData,
                  "{} and {} have different vocabularies, so their labels differ in meaning; make the splits from one data set",
                  store->path().string(), first.path().string());
    for (std::int64_t i = 0; i < store->size(); ++i) {
      const auto [it, fresh] = home.emplace(store->key(i).building, store.get());
      AFFINIS_CHECK(it->second == store.get(), ErrorCode::kData,
                    "building '{}' is in both {} and {}; a building belongs to one split, or tests see what was trained on", it->first,
                    it->second->path().string(), store->path().string());
    }
    told += split + ' ' + store->identity() + '\n';
  }
  identity_ = hash128_hex(told);
}

const Store& DataSet::split(const std::string& name) const {
  const auto it = stores_.find(name);
  if (it != stores_.end()) return *it->second;
  std::vector<std::string> present;
  for (const auto& [each, store] : stores_) present.push_back(each);
  fail(ErrorCode::kData, "{} has no split '{}' (it has {})", folder_.string(), name, join(present, ", "));
}

std::int64_t DataSet::image_side() const { return stores_.begin()->second->info().image_side; }
const Vocabularies& DataSet::vocabularies() const { return stores_.begin()->second->info().vocabularies; }

}  // namespace affinis::data
