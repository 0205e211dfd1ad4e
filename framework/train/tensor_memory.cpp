#include "framework/train/tensor_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

namespace affinis::train {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLargestKept = std::size_t{64} << 20;
constexpr std::size_t kMostKept = std::size_t{512} << 20;
constexpr std::size_t kSteps = 4;  ///< sizes between a power of two and the next
constexpr std::size_t kClasses = 32 * kSteps;

/// What lies before a tensor's values.
struct alignas(kAlignment) Header {
  std::size_t size_class;
  std::size_t size;
};
static_assert(sizeof(Header) == kAlignment);

/// The class of the smallest size that so many bytes fit into, and that size: steps of a quarter of a power of two.
std::pair<std::size_t, std::size_t> class_of(std::size_t bytes) {
  const std::size_t least = std::max<std::size_t>(bytes, kAlignment * kSteps);
  const std::size_t power = std::bit_floor(least);
  const std::size_t step = power / kSteps;
  const std::size_t steps = (least - power + step - 1) / step;
  return {static_cast<std::size_t>(std::countr_zero(power)) * kSteps + steps, power + steps * step};
}

class TensorMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, c10::Device(c10::DeviceType::CPU)};
    void* const values = take(bytes);
    return {values, values, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }

  /// Never destroyed: tensors in static storage outlive everything.
  static TensorMemory& instance() {
    static TensorMemory* const memory = new TensorMemory;
    return *memory;
  }

 private:
  void* take(std::size_t bytes) {
    const auto [size_class, size] = class_of(bytes);
    if (size <= kLargestKept) {
      const std::scoped_lock lock(guard_);
      std::vector<Header*>& kept = kept_[size_class];
      if (!kept.empty()) {
        Header* const header = kept.back();
        kept.pop_back();
        kept_bytes_ -= header->size;
        return header + 1;
      }
    }
    void* const block = std::aligned_alloc(kAlignment, sizeof(Header) + size);
    if (block == nullptr) throw std::bad_alloc();
    return new (block) Header{size_class, size} + 1;
  }

  static void give_back(void* values) {
    if (values == nullptr) return;
    Header* const header = static_cast<Header*>(values) - 1;
    TensorMemory& memory = instance();
    if (header->size <= kLargestKept) {
      const std::scoped_lock lock(memory.guard_);
      if (memory.kept_bytes_ + header->size <= kMostKept) {
        memory.kept_[header->size_class].push_back(header);
        memory.kept_bytes_ += header->size;
        return;
      }
    }
    std::free(header);
  }

  std::mutex guard_;
  std::array<std::vector<Header*>, kClasses> kept_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace

void keep_tensor_memory() {
  // The highest priority stays: LibTorch's own has 0.
  constexpr std::uint8_t kPriority = 1;
  c10::SetCPUAllocator(&TensorMemory::instance(), kPriority);
}

}  // namespace affinis::train
