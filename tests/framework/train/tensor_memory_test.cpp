// Memory of freed tensors that is kept for the next ones.
#include <cstdint>
#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/train/tensor_memory.h"

namespace affinis::train {
namespace {

const void* place_of(const at::Tensor& tensor) { return tensor.const_data_ptr(); }

TEST(TensorMemory, GivesTheSameBlockToTheNextTensorOfThatSize) {
  keep_tensor_memory();
  keep_tensor_memory();
  const void* before = nullptr;
  {
    const at::Tensor tensor = at::empty({1000, 1003});
    before = place_of(tensor);
  }
  EXPECT_EQ(place_of(at::empty({1000, 1003})), before);
  const at::Tensor other = at::empty({3});
  EXPECT_NE(place_of(other), before);
}

TEST(TensorMemory, BlocksOfEverySizeAreAlignedAndTheirOwn) {
  keep_tensor_memory();
  std::vector<at::Tensor> tensors;
  for (const std::int64_t bytes : {1, 63, 64, 65, 511, 512, 513, 640, 641, 1023, 1024, 4097, 70001, 1 << 20, (1 << 20) + 1, 70 << 20}) {
    for (int i = 0; i < 3; ++i) {
      tensors.push_back(at::full({bytes}, static_cast<int>(tensors.size() % 100), at::kByte));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place_of(tensors.back())) % 64, 0U) << bytes;
    }
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(tensors[i].eq(static_cast<int>(i % 100)).all().item<bool>()) << "tensor " << i << " was written over";
  }
  EXPECT_EQ(at::empty({0}).numel(), 0);
}

TEST(TensorMemory, IsSharedByThreads) {
  keep_tensor_memory();
  std::vector<std::jthread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 500; ++i) {
        const at::Tensor one = at::full({100 + i % 7 * 300}, t);
        const at::Tensor two = at::full({100 + i % 5 * 300}, t + 10);
        if (!one.eq(t).all().item<bool>() || !two.eq(t + 10).all().item<bool>()) ++wrong[static_cast<std::size_t>(t)];
      }
    });
  }
  threads.clear();
  for (const int each : wrong) EXPECT_EQ(each, 0);
}

}  // namespace
}  // namespace affinis::train
