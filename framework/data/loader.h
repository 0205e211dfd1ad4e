#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/random.h"
#include "framework/data/store.h"

namespace affinis::data {

/// One rank's part of every batch, when several processes train one network together: of b examples those from b * rank / ranks up to
/// b * (rank + 1) / ranks. All ranks' parts together are the batches of a single process, in order.
struct BatchShare {
  std::int64_t rank = 0;
  std::int64_t ranks = 1;

  std::int64_t begin(std::int64_t batch) const { return batch * rank / ranks; }
  std::int64_t end(std::int64_t batch) const { return batch * (rank + 1) / ranks; }
};

/// What a loader reads and in which order.
struct LoaderOptions {
  std::vector<std::string> fields;
  std::int64_t batch_size = 32;  ///< of all ranks together
  std::uint64_t seed = 0;
  bool shuffle = true;         ///< a new order every epoch, from (seed, epoch)
  bool drop_last = false;      ///< leave an incomplete last batch out
  int threads = 1;             ///< decoding threads, at most the cores are used; never changes what comes out
  std::int64_t batches_ahead = 4;  ///< bound on finished batches that wait
  /// Positions in the store to use; empty: all.
  std::vector<std::int64_t> subset;
  BatchShare share = {};
};

/// Order in which epoch `epoch` visits the positions: a function of (seed, epoch, positions) alone.
std::vector<std::int64_t> epoch_order(const LoaderOptions& options, std::int64_t store_size, std::int64_t epoch);
/// Batches an epoch.
std::int64_t batch_count(const LoaderOptions& options, std::int64_t store_size);

namespace detail {
/// A TBB pipeline behind a bounded queue, without the item's type: draw in order, read + decode + derive in parallel, batch in order.
/// The store must outlive it. Not for several consumers at once.
class LoaderEngine {
 public:
  using Derive = std::function<std::any(const Sample&, RandomStream&)>;
  /// Throws Error(kUsage) for options out of bounds, Error(kData) for a field that the store lacks.
  LoaderEngine(const Store& store, LoaderOptions options, Derive derive);
  ~LoaderEngine();
  void start(std::int64_t epoch, std::int64_t first_batch);
  /// The next batch's items in order; nothing at the end of the epoch. What reading or deriving a sample threw is rethrown with the
  /// sample's name, after the whole batches before it, and again on every call until start().
  std::optional<std::vector<std::any>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
}  // namespace detail

/// Loads batches of `Item`, which `derive` makes from each sample in parallel; the random stream it is handed depends on
/// (seed, epoch, sample index) alone. A bad sample stops the run with its name; nothing is ever substituted.
///
///     Loader<Example> loader(store, options, [&](const Sample& s, RandomStream& r) { return task.example({&s, 1}, r); });
///     loader.start(epoch, 0);
///     while (auto batch = loader.next()) ...
template <typename Item>
class Loader {
 public:
  Loader(const Store& store, LoaderOptions options, std::function<Item(const Sample&, RandomStream&)> derive)
      : engine_(store, std::move(options),
                [derive = std::move(derive)](const Sample& sample, RandomStream& stream) {
                  return std::any(std::make_shared<Item>(derive(sample, stream)));
                }) {}

  /// Begins (or begins again) at batch `first_batch` of epoch `epoch`; what was under way is dropped.
  void start(std::int64_t epoch, std::int64_t first_batch = 0) { engine_.start(epoch, first_batch); }

  std::optional<std::vector<Item>> next() {
    auto items = engine_.next();
    if (!items) return std::nullopt;
    std::vector<Item> batch;
    batch.reserve(items->size());
    for (std::any& item : *items) batch.push_back(std::move(*std::any_cast<std::shared_ptr<Item>&>(item)));
    return batch;
  }

 private:
  detail::LoaderEngine engine_;
};

}  // namespace affinis::data
