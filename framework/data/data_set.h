#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "framework/data/store.h"

namespace affinis::data {

/// The splits' names: networks learn on train, transfers on transfer, tournaments compare on test.
inline constexpr const char* kTrainSplit = "train";
inline constexpr const char* kTransferSplit = "transfer";
inline constexpr const char* kTestSplit = "test";

/// A folder with one store a split: train.h5, transfer.h5, test.h5 (and ATTRIBUTION.txt).
class DataSet {
 public:
  /// Opens every split that is there. Throws Error(kIo/kFormat/kData): missing folder, no store in it, stores that disagree on image side
  /// or vocabularies, a building in two splits.
  explicit DataSet(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// Throws Error(kData) that names folder and split when it is missing.
  const Store& split(const std::string& name) const;
  bool has_split(const std::string& name) const { return stores_.contains(name); }
  std::int64_t image_side() const;
  const Vocabularies& vocabularies() const;
  /// Hash over the checksums and indices of all stores: what a job's identity contains.
  const std::string& identity() const { return identity_; }

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const Store>> stores_;
  std::string identity_;
};

}  // namespace affinis::data
