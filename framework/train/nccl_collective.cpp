#include "framework/train/collectives.h"

#ifdef AFFINIS_CUDA

#include <cstdint>
#include <cstring>
#include <vector>

#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

void check(ncclResult_t code, const char* what) {
  AFFINIS_CHECK(code == ncclSuccess, ErrorCode::kDevice, "NCCL's {} failed: {}", what, ncclGetErrorString(code));
}

ncclDataType_t type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat: return ncclFloat32;
    case at::kDouble: return ncclFloat64;
    case at::kLong: return ncclInt64;
    default: fail(ErrorCode::kInternal, "a collective takes float, double and int64, not {}", c10::toString(tensor.scalar_type()));
  }
}

class NcclCollective final : public nn::Collective {
 public:
  explicit NcclCollective(const RankEnvironment& environment)
      : rank_(environment.rank), size_(environment.size), store_(meet_at_store(environment)) {
    const int devices = c10::cuda::device_count();
    AFFINIS_CHECK(environment.local_rank < devices, ErrorCode::kConfig,
                  "local rank {} needs a GPU of its own, and this machine shows {}; start as many ranks as it has GPUs", environment.local_rank,
                  devices);
    c10::cuda::set_device(static_cast<c10::DeviceIndex>(environment.local_rank));
    ncclUniqueId id;
    if (rank_ == 0) {
      check(ncclGetUniqueId(&id), "ncclGetUniqueId");
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&id);
      store_->set("nccl", std::vector<std::uint8_t>(bytes, bytes + sizeof id));
    } else {
      const std::vector<std::uint8_t> bytes = store_->get("nccl");
      AFFINIS_CHECK(bytes.size() == sizeof id, ErrorCode::kInternal, "rank 0 sent {} bytes as NCCL's identity instead of {}", bytes.size(), sizeof id);
      std::memcpy(&id, bytes.data(), sizeof id);
    }
    check(ncclCommInitRank(&communicator_, size_, id, rank_), "ncclCommInitRank");
  }
  ~NcclCollective() override { ncclCommAbort(communicator_); }
  NcclCollective(const NcclCollective&) = delete;
  NcclCollective& operator=(const NcclCollective&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "nccl"; }

  void sum(at::Tensor& tensor) override {
    on_gpu(tensor, [&](void* data, std::size_t count, ncclDataType_t type, cudaStream_t stream) {
      check(ncclAllReduce(data, data, count, type, ncclSum, communicator_, stream), "ncclAllReduce");
    });
  }

  void broadcast(at::Tensor& tensor) override {
    on_gpu(tensor, [&](void* data, std::size_t count, ncclDataType_t type, cudaStream_t stream) {
      check(ncclBroadcast(data, data, count, type, 0, communicator_, stream), "ncclBroadcast");
    });
  }

  void wait_for_all() override {
    at::Tensor nothing = at::zeros({1}, at::kFloat);
    sum(nothing);
  }

 private:
  template <typename Call>
  void on_gpu(at::Tensor& tensor, Call call) {
    at::Tensor device = tensor.is_cuda() ? tensor.contiguous() : tensor.to(at::kCUDA);
    call(device.mutable_data_ptr(), static_cast<std::size_t>(device.numel()), type_of(device), c10::cuda::getCurrentCUDAStream().stream());
    // Copying to the host waits for the stream; on the device later work is in the same stream.
    if (!device.is_same(tensor)) tensor.copy_(device);
  }

  int rank_;
  int size_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  ncclComm_t communicator_ = nullptr;
};

}  // namespace

std::unique_ptr<nn::Collective> make_nccl_collective(const RankEnvironment& environment) {
  return std::make_unique<NcclCollective>(environment);
}

}  // namespace affinis::train

#endif
