#include "framework/data/loader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <numeric>
#include <thread>
#include <utility>

#include <tbb/info.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include "framework/core/error.h"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace affinis::data {
namespace {

/// TBB orders its stages within its own library, where the thread sanitizer does not see it: these two say it where it looks.
#if defined(__SANITIZE_THREAD__)
void hand_over(void* what) { __tsan_release(what); }
void take_over(void* what) { __tsan_acquire(what); }
#else
void hand_over(void*) {}
void take_over(void*) {}
#endif

/// One sample on its way through the pipeline.
struct Piece {
  std::any item;
  std::exception_ptr failure;
};

/// What the consumer takes out: a batch, or why there is none.
struct Delivery {
  std::vector<std::any> items;
  std::exception_ptr failure;
};

void check_options(const LoaderOptions& options, const Store& store) {
  const std::string path = store.path().string();
  AFFINIS_CHECK(options.batch_size >= 1, ErrorCode::kUsage, "the batch size {} for {} is not at least 1", options.batch_size, path);
  AFFINIS_CHECK(options.threads >= 1 && options.threads <= 1024, ErrorCode::kUsage, "{} loader threads for {} are not between 1 and 1024",
                options.threads, path);
  AFFINIS_CHECK(options.share.ranks >= 1 && options.share.rank >= 0 && options.share.rank < options.share.ranks, ErrorCode::kUsage,
                "there is no rank {} among {}", options.share.rank, options.share.ranks);
  AFFINIS_CHECK(options.batch_size >= options.share.ranks, ErrorCode::kUsage,
                "a batch of {} examples cannot be shared by {} ranks; raise batch_size", options.batch_size, options.share.ranks);
  const std::int64_t samples = options.subset.empty() ? store.size() : static_cast<std::int64_t>(options.subset.size());
  const std::int64_t last = options.drop_last ? 0 : samples % options.batch_size;
  AFFINIS_CHECK(last == 0 || last >= options.share.ranks, ErrorCode::kUsage,
                "the last batch of {} has {} examples for {} ranks; choose a batch_size that divides the number of samples", path, last,
                options.share.ranks);
  AFFINIS_CHECK(options.batches_ahead >= 1, ErrorCode::kUsage, "{} batches ahead for {} are not at least 1", options.batches_ahead, path);
  for (const std::string& name : options.fields) {
    const std::vector<std::string>& present = store.info().fields;
    AFFINIS_CHECK(std::find(present.begin(), present.end(), name) != present.end(), ErrorCode::kData,
                  "{} has no field '{}'; render, import or annotate it first", path, name);
  }
  for (const std::int64_t position : options.subset) store.key(position);
}

/// The samples of one rank in order, and where each of its batches ends among them.
struct ShareOrder {
  std::vector<std::int64_t> positions;
  std::vector<std::size_t> ends;
};

/// `order` from batch `first` on.
ShareOrder share_of(const std::vector<std::int64_t>& order, const LoaderOptions& options, std::int64_t first) {
  ShareOrder result;
  const auto size = static_cast<std::int64_t>(order.size());
  for (std::int64_t begin = first * options.batch_size; begin < size; begin += options.batch_size) {
    const std::int64_t count = std::min(options.batch_size, size - begin);
    result.positions.insert(result.positions.end(), order.begin() + begin + options.share.begin(count),
                            order.begin() + begin + options.share.end(count));
    result.ends.push_back(result.positions.size());
  }
  return result;
}

/// Decoding is all arithmetic: threads beyond the cores only get in each other's way (and TBB complains on stderr).
int usable_threads(const LoaderOptions& options) { return std::min(options.threads, tbb::info::default_concurrency()); }

}  // namespace

std::vector<std::int64_t> epoch_order(const LoaderOptions& options, std::int64_t store_size, std::int64_t epoch) {
  std::vector<std::int64_t> order = options.subset;
  if (order.empty()) {
    order.resize(static_cast<std::size_t>(store_size));
    std::iota(order.begin(), order.end(), std::int64_t{0});
  }
  if (options.shuffle) {
    RandomStream stream(options.seed, "epoch order", {static_cast<std::uint64_t>(epoch)});
    stream.shuffle(std::span(order));
  }
  return order;
}

std::int64_t batch_count(const LoaderOptions& options, std::int64_t store_size) {
  const std::int64_t samples = options.subset.empty() ? store_size : static_cast<std::int64_t>(options.subset.size());
  return options.drop_last ? samples / options.batch_size : (samples + options.batch_size - 1) / options.batch_size;
}

namespace detail {

struct LoaderEngine::State {
  const Store& store;
  LoaderOptions options;
  Derive derive;
  tbb::task_arena arena;

  std::thread thread;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Delivery> ready;  ///< at most batches_ahead
  bool running = false;        ///< more deliveries will come
  bool started = false;
  std::exception_ptr failed;  ///< what the consumer has been told already

  State(const Store& the_store, LoaderOptions the_options, Derive the_derive)
      : store(the_store), options(std::move(the_options)), derive(std::move(the_derive)), arena(usable_threads(options), 1) {}
  ~State() { stop(); }

  void stop() {
    stopping = true;
    {
      const std::lock_guard lock(mutex);
      changed.notify_all();
    }
    if (thread.joinable()) thread.join();
    stopping = false;
    ready.clear();
  }

  /// Waits for room; false when the consumer has gone.
  bool deliver(Delivery delivery) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stopping || static_cast<std::int64_t>(ready.size()) < options.batches_ahead; });
    if (stopping) return false;
    ready.push_back(std::move(delivery));
    changed.notify_all();
    return true;
  }

  Piece make(std::int64_t position, std::int64_t epoch) const {
    Piece piece;
    try {
      const Sample sample = store.read(position, options.fields);
      RandomStream stream(options.seed, "sample", {static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(position)});
      try {
        piece.item = derive(sample, stream);
      } catch (Error& error) {
        throw error.within("sample " + sample.key.name() + " of " + store.path().string());
      } catch (const std::bad_alloc&) {
        throw;
      } catch (const std::exception& error) {
        fail(ErrorCode::kInternal, "sample {} of {}: {}", sample.key.name(), store.path().string(), error.what());
      }
    } catch (...) {
      piece.failure = std::current_exception();
    }
    return piece;
  }

  /// The pipeline of one epoch; runs in its own thread.
  void run(const ShareOrder& share, std::int64_t epoch) {
    const std::vector<std::int64_t>& order = share.positions;
    std::size_t next_position = 0;
    std::size_t collated = 0;
    auto batch_end = share.ends.begin();
    std::vector<std::any> batch;
    bool over = false;  // a failure was delivered, or the consumer has gone

    const auto draw = [&](tbb::flow_control& control) -> std::size_t {
      take_over(&next_position);
      if (stopping || next_position >= order.size()) control.stop();
      const std::size_t drawn = next_position++;
      hand_over(&next_position);
      return drawn;
    };
    const auto work = [&](std::size_t i) {
      take_over(&next_position);
      auto piece = stopping ? std::make_shared<Piece>() : std::make_shared<Piece>(make(order[i], epoch));
      hand_over(&batch);
      return piece;
    };
    // Batches before a bad sample come out whole, whatever the number of threads.
    const auto add = [&](const std::shared_ptr<Piece>& piece) {
      if (over || stopping) return;
      if (piece->failure) {
        over = true;
        deliver({{}, piece->failure});
        stopping = true;
        return;
      }
      batch.push_back(std::move(piece->item));
      if (++collated < *batch_end) return;
      ++batch_end;
      over = !deliver({std::exchange(batch, {}), nullptr});
    };
    const auto collate = [&](const std::shared_ptr<Piece>& piece) {
      take_over(&batch);
      add(piece);
      hand_over(&batch);
    };
    const int threads = usable_threads(options);
    const std::size_t tokens = threads == 1 ? 1 : 2 * static_cast<std::size_t>(threads);
    tbb::parallel_pipeline(tokens, tbb::make_filter<void, std::size_t>(tbb::filter_mode::serial_in_order, draw) &
                                       tbb::make_filter<std::size_t, std::shared_ptr<Piece>>(tbb::filter_mode::parallel, work) &
                                       tbb::make_filter<std::shared_ptr<Piece>, void>(tbb::filter_mode::serial_in_order, collate));
    take_over(&batch);
  }

  void start(std::int64_t epoch, std::int64_t first_batch) {
    AFFINIS_CHECK(epoch >= 0 && first_batch >= 0, ErrorCode::kUsage, "epoch {}, batch {}: a loader starts at 0 or later", epoch, first_batch);
    stop();
    std::vector<std::int64_t> order = epoch_order(options, store.size(), epoch);
    const std::int64_t batches = batch_count(options, store.size());
    if (options.drop_last) order.resize(static_cast<std::size_t>(batches * options.batch_size));
    ShareOrder share = share_of(order, options, std::min(first_batch, batches));
    failed = nullptr;
    running = true;
    started = true;
    thread = std::thread([this, share = std::move(share), epoch] {
      std::exception_ptr unexpected;
      try {
        arena.execute([&] { run(share, epoch); });
      } catch (...) {
        unexpected = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (unexpected) ready.push_back({{}, unexpected});
      running = false;
      changed.notify_all();
    });
  }

  std::optional<std::vector<std::any>> next() {
    AFFINIS_ASSERT(started);
    if (failed) std::rethrow_exception(failed);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !ready.empty() || !running; });
    if (ready.empty()) return std::nullopt;
    Delivery delivery = std::move(ready.front());
    ready.pop_front();
    changed.notify_all();
    lock.unlock();
    if (delivery.failure) {
      failed = delivery.failure;
      std::rethrow_exception(failed);
    }
    return std::move(delivery.items);
  }
};

LoaderEngine::LoaderEngine(const Store& store, LoaderOptions options, Derive derive) {
  check_options(options, store);
  state_ = std::make_unique<State>(store, std::move(options), std::move(derive));
}
LoaderEngine::~LoaderEngine() = default;
void LoaderEngine::start(std::int64_t epoch, std::int64_t first_batch) { state_->start(epoch, first_batch); }
std::optional<std::vector<std::any>> LoaderEngine::next() { return state_->next(); }

}  // namespace detail
}  // namespace affinis::data
