#include "framework/data/annotate_store.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/annotation.h"
#include "framework/data/array_file.h"

namespace affinis::data {
namespace {

constexpr const char* kBlockKind = "annotations";
/// To be raised when a method's result changes: blocks that an older program left are then computed anew.
constexpr int kMethodsVersion = 1;
/// Samples a block: a second or so of work, so that little is lost and few files are synced.
constexpr std::int64_t kBlockSamples = 32;

/// The labels of one run of samples.
struct Block {
  std::int64_t first = 0;
  std::vector<Sample> samples;
};

class Blocks {
 public:
  Blocks(const Store& store, std::vector<std::string> fields)
      : store_(store), fields_(std::move(fields)), folder_(store.path().string() + ".annotate") {}

  const std::filesystem::path& folder() const { return folder_; }

  std::filesystem::path path(std::int64_t first) const { return folder_ / fmt::format("block_{:08}.h5", first); }

  std::int64_t size(std::int64_t first) const { return std::min(kBlockSamples, store_.size() - first); }

  nlohmann::json attributes(std::int64_t first) const {
    return {{"store", store_.identity()}, {"fields", fields_}, {"first", first}, {"samples", size(first)}, {"methods", kMethodsVersion}};
  }

  void write(const Block& block) const {
    ArrayFile file{.kind = kBlockKind, .attributes = attributes(block.first), .arrays = {}, .strings = {}};
    for (const std::string& field : fields_) {
      Array array{.type = ArrayType::kU8, .shape = {}, .bytes = {}};
      for (const Sample& sample : block.samples) {
        const std::vector<std::byte>& bytes = sample.field(field).bytes;
        array.bytes.insert(array.bytes.end(), bytes.begin(), bytes.end());
      }
      array.shape = {size(block.first), static_cast<std::int64_t>(array.bytes.size()) / size(block.first)};
      file.arrays[field] = std::move(array);
    }
    write_array_file(path(block.first), file);
  }

  /// Nothing when it is not there, is damaged or was computed from something else: then it is computed anew.
  std::optional<Block> read(std::int64_t first) const {
    std::error_code ignored;
    if (!std::filesystem::exists(path(first), ignored)) return std::nullopt;
    try {
      const ArrayFile file = read_array_file(path(first), kBlockKind);
      if (file.attributes != attributes(first)) return std::nullopt;
      Block block{first, std::vector<Sample>(static_cast<std::size_t>(size(first)))};
      for (const std::string& field : fields_) {
        const std::vector<std::byte>& bytes = file.array(field, path(first)).bytes;
        const FieldValue empty = make_field_value(field_spec(field), store_.info().image_side);
        if (bytes.size() != empty.bytes.size() * block.samples.size()) return std::nullopt;
        auto from = bytes.begin();
        for (Sample& sample : block.samples) {
          FieldValue value = empty;
          std::copy_n(from, value.bytes.size(), value.bytes.begin());
          from += static_cast<std::ptrdiff_t>(value.bytes.size());
          sample.fields[field] = std::move(value);
        }
      }
      return block;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFormat && error.code() != ErrorCode::kIo) throw;
      return std::nullopt;
    }
  }

 private:
  const Store& store_;
  std::vector<std::string> fields_;
  std::filesystem::path folder_;
};

std::vector<std::string> needed_fields(std::span<const std::string> fields) {
  std::set<std::string> needs;
  for (const std::string& field : fields) needs.insert(annotation(field).needs.begin(), annotation(field).needs.end());
  return {needs.begin(), needs.end()};
}

void write_store(const Store& store, const Blocks& blocks, const std::vector<std::string>& added) {
  StoreInfo info = store.info();
  info.fields.insert(info.fields.end(), added.begin(), added.end());
  info.provenance["annotated"] = {{"fields", added}, {"methods", kMethodsVersion}};
  StoreWriter writer(store.path(), std::move(info));
  for (std::int64_t first = 0; first < store.size(); first += kBlockSamples) {
    const std::optional<Block> block = blocks.read(first);
    AFFINIS_CHECK(block.has_value(), ErrorCode::kIo, "{} was changed by another program; run 'affinis data annotate' again, alone", blocks.path(first).string());
    for (std::int64_t i = 0; i < blocks.size(first); ++i) writer.add_stored(store, first + i, block->samples[static_cast<std::size_t>(i)]);
  }
  writer.finish();
}

}  // namespace

std::vector<std::string> missing_annotations(const Store& store, std::span<const std::string> fields) {
  std::set<std::string> missing;
  const std::vector<std::string>& present = store.info().fields;
  const auto has = [&](const std::string& field) { return std::binary_search(present.begin(), present.end(), field); };
  for (const std::string& field : fields) {
    const Annotation& method = annotation(field);
    if (has(field)) continue;
    for (const std::string& need : method.needs) {
      AFFINIS_CHECK(has(need), ErrorCode::kData, "{} has no field '{}', from which '{}' is computed; render or import it, or choose other labels with --fields",
                    store.path().string(), need, field);
    }
    missing.insert(field);
  }
  return {missing.begin(), missing.end()};
}

AnnotatedStore annotate_store(const std::filesystem::path& path, std::span<const std::string> fields, const AnnotateStoreOptions& options) {
  const Store store(path);
  AnnotatedStore report{.added = missing_annotations(store, fields), .samples = store.size(), .resumed = 0};
  if (report.added.empty()) return report;
  const std::vector<std::string> needs = needed_fields(report.added);
  const Blocks blocks(store, report.added);
  require_writable_folder(blocks.folder());

  const int cores = tbb::info::default_concurrency();
  tbb::task_arena arena(options.threads > 0 ? std::min(options.threads, cores) : cores);
  std::mutex telling;
  std::int64_t done = 0;
  const auto tell = [&](std::int64_t count) {
    const std::lock_guard lock(telling);
    done += count;
    if (options.progress) options.progress(done, report.resumed);
  };
  for (std::int64_t first = 0; first < store.size(); first += kBlockSamples) {
    const std::int64_t count = blocks.size(first);
    if (blocks.read(first)) {
      report.resumed += count;
      tell(count);
      continue;
    }
    Block block{first, std::vector<Sample>(static_cast<std::size_t>(count))};
    arena.execute([&] {
      tbb::parallel_for(std::int64_t{0}, count, [&](std::int64_t i) {
        Sample sample = store.read(first + i, needs);
        annotate(sample, report.added);
        block.samples[static_cast<std::size_t>(i)] = std::move(sample);
        tell(1);
      });
    });
    blocks.write(block);
  }
  write_store(store, blocks, report.added);
  std::error_code ignored;
  std::filesystem::remove_all(blocks.folder(), ignored);
  return report;
}

}  // namespace affinis::data
