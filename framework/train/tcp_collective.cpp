#include "framework/train/collectives.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

/// A rank may be busy for long with a validation that the others wait for.
constexpr std::chrono::hours kPatience{1};
constexpr std::chrono::minutes kPatienceToMeet{5};
constexpr std::chrono::seconds kPatienceToLeave{20};

class TcpCollective final : public nn::Collective {
 public:
  TcpCollective(const RankEnvironment& environment, c10::intrusive_ptr<c10d::TCPStore> store)
      : rank_(environment.rank), size_(environment.size), store_(std::move(store)) {
    store_->setTimeout(kPatience);
  }

  /// Rank 0 serves the store: it leaves last, unless an error ends it.
  ~TcpCollective() override {
    if (std::uncaught_exceptions() > exceptions_) return;
    try {
      if (rank_ > 0) {
        store_->set("left/" + std::to_string(rank_), {1});
        return;
      }
      store_->setTimeout(kPatienceToLeave);
      for (int rank = 1; rank < size_; ++rank) store_->get("left/" + std::to_string(rank));
    } catch (const std::exception&) {
      // Nobody waits for a rank that is gone.
      return;
    }
  }
  TcpCollective(const TcpCollective&) = delete;
  TcpCollective& operator=(const TcpCollective&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "tcp"; }

  void sum(at::Tensor& tensor) override {
    in_pieces(tensor, [&](at::Tensor piece) {
      publish(piece);
      at::Tensor total;
      for (int rank = 0; rank < size_; ++rank) {
        const at::Tensor part = rank == rank_ ? piece.clone() : fetch(rank, piece);
        total = total.defined() ? total.add_(part) : part;
      }
      piece.copy_(total);
    });
  }

  void broadcast(at::Tensor& tensor) override {
    in_pieces(tensor, [&](at::Tensor piece) {
      // All publish, so that nobody is more than one call ahead and old keys can go.
      publish(rank_ == 0 ? piece : at::zeros({1}));
      if (rank_ != 0) piece.copy_(fetch(0, piece));
      for (int rank = 1; rank < size_; ++rank) {
        if (rank != rank_) get(key(call_, rank));
      }
    });
  }

  void wait_for_all() override {
    at::Tensor nothing = at::zeros({1});
    sum(nothing);
  }

 private:
  static std::string key(std::uint64_t call, int rank) { return std::to_string(call) + "/" + std::to_string(rank); }

  /// The store refuses values above 8 MiB.
  template <typename Call>
  void in_pieces(at::Tensor& tensor, Call call) {
    AFFINIS_ASSERT(tensor.is_contiguous());
    const at::Tensor flat = tensor.view({-1});
    const std::int64_t most = (std::int64_t{4} << 20) / static_cast<std::int64_t>(tensor.element_size());
    for (std::int64_t begin = 0; begin < flat.numel(); begin += most) {
      call(flat.narrow(0, begin, std::min(most, flat.numel() - begin)));
      ++call_;
    }
  }

  void publish(const at::Tensor& tensor) {
    const at::Tensor bytes = tensor.to(at::kCPU).contiguous();
    std::vector<std::uint8_t> value(bytes.nbytes());
    if (!value.empty()) std::memcpy(value.data(), bytes.const_data_ptr(), value.size());
    guarded([&] { store_->set(key(call_, rank_), value); });
    // Everybody who is in this call has left the one before the last.
    if (call_ >= 2) guarded([&] { store_->deleteKey(key(call_ - 2, rank_)); });
  }

  std::vector<std::uint8_t> get(const std::string& name) {
    std::vector<std::uint8_t> value;
    guarded([&] { value = store_->get(name); });
    return value;
  }

  at::Tensor fetch(int rank, const at::Tensor& like) {
    const std::vector<std::uint8_t> value = get(key(call_, rank));
    AFFINIS_CHECK(value.size() == like.nbytes(), ErrorCode::kInternal,
                  "rank {} sent {} bytes where rank {} expects {}: the ranks do not run the same training", rank, value.size(), rank_, like.nbytes());
    at::Tensor result = at::empty(like.sizes(), like.options().device(at::kCPU));
    std::memcpy(result.mutable_data_ptr(), value.data(), value.size());
    return result.to(like.device());
  }

  template <typename Action>
  void guarded(Action action) {
    try {
      action();
    } catch (const std::exception& error) {
      const std::string what = error.what();
      fail(ErrorCode::kDevice, "rank {} of {} lost the others: {}", rank_, size_, what.substr(0, what.find('\n')));
    }
  }

  int rank_;
  int size_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::uint64_t call_ = 0;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

c10::intrusive_ptr<c10d::TCPStore> meet_at_store(const RankEnvironment& environment) {
  AFFINIS_CHECK(!environment.address.empty() && environment.port > 0, ErrorCode::kConfig,
                "{} does not say where rank 0 is; set MASTER_ADDR and MASTER_PORT", environment.launcher);
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(environment.port);
  options.isServer = environment.rank == 0;
  options.numWorkers = static_cast<std::size_t>(environment.size);
  options.timeout = kPatienceToMeet;
  try {
    return c10::make_intrusive<c10d::TCPStore>(environment.address, options);
  } catch (const std::exception& error) {
    const std::string what = error.what();
    fail(ErrorCode::kDevice, "rank {} of {} cannot meet the others at {}:{} ({}); are all of them started, and is the port free?",
         environment.rank, environment.size, environment.address, environment.port, what.substr(0, what.find('\n')));
  }
}

std::unique_ptr<nn::Collective> make_tcp_collective(const RankEnvironment& environment) {
  return std::make_unique<TcpCollective>(environment, meet_at_store(environment));
}

}  // namespace affinis::train
