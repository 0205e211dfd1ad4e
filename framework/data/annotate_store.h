#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "framework/data/store.h"

namespace affinis::data {

/// Those of `fields` that the store lacks, sorted. Throws Error(kUsage) for a field that is no costly label, Error(kData) naming store,
/// label and field when the store lacks what one of them is computed from.
std::vector<std::string> missing_annotations(const Store& store, std::span<const std::string> fields);

struct AnnotateStoreOptions {
  int threads = 0;  ///< 0: one for every core; the result does not depend on it
  /// Told after every sample, from any thread, one call at a time: samples done, and how many of them an interrupted run had done.
  std::function<void(std::int64_t done, std::int64_t resumed)> progress;
};

struct AnnotatedStore {
  std::vector<std::string> added;  ///< sorted
  std::int64_t samples = 0;
  std::int64_t resumed = 0;  ///< samples whose labels an interrupted run had computed
};

/// Computes the labels among `fields` that the store lacks and adds them: a new store is written beside and renamed over the old one, the
/// other fields' bytes as they were. Finished blocks of samples are kept in STORE.annotate/ until then, so that an interrupted run goes on;
/// blocks of another store, other fields or another version are computed anew. Throws as missing_annotations(), and Error(kIo).
AnnotatedStore annotate_store(const std::filesystem::path& path, std::span<const std::string> fields, const AnnotateStoreOptions& options = {});

}  // namespace affinis::data
