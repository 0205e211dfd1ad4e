#pragma once

#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <ATen/ATen.h>

#include "framework/nn/collective.h"

namespace affinis::train::toy {

/// Ranks that are threads of the test.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : tensors_(static_cast<std::size_t>(size)), barrier_(size) {}

  /// Calls `work` once for every rank, at the same time.
  void run(const std::function<void(nn::Collective&)>& work) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < static_cast<int>(tensors_.size()); ++rank) {
      threads.emplace_back([this, rank, &work] {
        Rank own(*this, rank);
        work(own);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  class Rank : public nn::Collective {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(all_.tensors_.size()); }
    std::string name() const override { return "threads"; }
    void sum(at::Tensor& tensor) override {
      exchange(tensor);
      at::Tensor total = at::zeros_like(tensor);
      for (const at::Tensor& each : all_.tensors_) total.add_(each);
      all_.barrier_.arrive_and_wait();
      tensor.copy_(total);
    }
    void broadcast(at::Tensor& tensor) override {
      exchange(tensor);
      tensor.copy_(all_.tensors_.front());
      all_.barrier_.arrive_and_wait();
    }
    void wait_for_all() override { all_.barrier_.arrive_and_wait(); }

   private:
    void exchange(const at::Tensor& tensor) {
      all_.tensors_[static_cast<std::size_t>(rank_)] = tensor.detach().clone();
      all_.barrier_.arrive_and_wait();
    }

    ThreadRanks& all_;
    int rank_;
  };

  std::vector<at::Tensor> tensors_;
  std::barrier<> barrier_;
};

}  // namespace affinis::train::toy
