#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/data/sample.h"

namespace affinis::data {

/// Label names by vocabulary ("semantic", "scene"); position = label value. They belong to the data set, not to Affinis.
using Vocabularies = std::map<std::string, std::vector<std::string>>;

/// What a store says of itself (root attributes).
struct StoreInfo {
  std::string split;  ///< "train", "transfer" or "test"
  std::int64_t image_side = 0;
  std::vector<std::string> fields;  ///< sorted by name
  /// Fields that are stored otherwise than they declare ("rgb" without loss: kDeflate or kRaw).
  std::map<std::string, FieldEncoding> encodings;
  Vocabularies vocabularies;
  nlohmann::json provenance;  ///< program, version, settings, seed, attribution
};

class Store;

/// Writes one HDF5 file: /fields/<name> with one sample a chunk, /checksums/<name> (CRC-32C of each stored chunk or JPEG), /index
/// (building, scene, view, split), root attributes. Written beside and renamed by finish(); a writer that is not finished leaves nothing.
/// The same contents give the same bytes. Not thread-safe.
///
///     StoreWriter writer(folder / "train.h5", {.split = "train", .image_side = 64, .fields = {"rgb", "depth_zbuffer"}, ...});
///     for (...) writer.add(sample);
///     writer.finish();
class StoreWriter {
 public:
  /// Throws Error(kIo) when the file cannot be made, Error(kUsage) for an unknown field, Error(kData) for other nonsense in `info`.
  StoreWriter(std::filesystem::path path, StoreInfo info);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// Further fields of the sample are left out. Throws Error(kData) when a declared field is missing or has another shape, or a sample of
  /// this name is there already; Error(kIo) when the disk is full.
  void add(const Sample& sample);
  /// Adds a sample of another store: the fields in `made` from there, all others with the bytes that `source` holds, not coded again. Throws
  /// as add(), and Error(kData) when the source stores a field otherwise than this store or its bytes are damaged.
  void add_stored(const Store& source, std::int64_t index, const Sample& made);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One problem that `check` found: which store, sample and field, and what is wrong.
struct StoreProblem {
  std::string sample;  ///< name() of the sample; empty: the whole store
  std::string field;   ///< empty: the whole sample
  std::string what;
};

/// Reads a store. Thread-safe: HDF5 is used under one lock when opening; samples are read with plain file reads and decoded outside.
/// Nothing that the file says is trusted: sizes and places are checked before they are used.
class Store {
 public:
  /// Throws Error(kIo) when the file cannot be opened, Error(kFormat) when it is not a store, is truncated or from a newer version.
  explicit Store(const std::filesystem::path& path);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  const std::filesystem::path& path() const;
  const StoreInfo& info() const;
  std::int64_t size() const;
  const SampleKey& key(std::int64_t index) const;

  /// Hash over what the samples are: fields, vocabularies, checksums and index. Where the chunks lie and the provenance do not matter.
  const std::string& identity() const;

  /// Reads and decodes the named fields. Throws Error(kData) naming store, sample and field when a checksum or a decoder disagrees.
  Sample read(std::int64_t index, std::span<const std::string> fields) const;

  /// As read(), in two steps for the loader: the bytes as stored (cheap, serial), then checksum and decoding (parallel).
  struct StoredSample {
    std::int64_t index = 0;
    std::vector<std::vector<std::byte>> chunks;  ///< one per asked field, as they lie in the file
  };
  StoredSample read_stored(std::int64_t index, std::span<const std::string> fields) const;
  Sample decode(const StoredSample& stored, std::span<const std::string> fields) const;
  /// Throws Error(kData) naming store, sample and field when a checksum disagrees.
  void verify(const StoredSample& stored, std::span<const std::string> fields) const;

  /// Re-reads everything: every checksum, every value's range, every field.
  std::vector<StoreProblem> check(Logger& logger) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace affinis::data
