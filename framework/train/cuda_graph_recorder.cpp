#include "framework/train/graphed_forward.h"

#ifdef AFFINIS_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace affinis::train {

#ifdef AFFINIS_CUDA
namespace {

class CudaGraphRecorder final : public WorkRecorder {
 public:
  explicit CudaGraphRecorder(const c10::Device& device)
      // Nothing can be captured on the default stream.
      : device_(device), stream_(c10::cuda::getStreamFromPool(false, device.index())), pool_(at::cuda::graph_pool_handle()) {}

  void warm_up(const std::function<void()>& work) override {
    // As many as PyTorch's own: workspaces are allocated, and algorithms chosen, in the first ones.
    constexpr int kTimes = 3;
    const c10::cuda::CUDAGuard on_device(device_);
    c10::cuda::device_synchronize();
    {
      const c10::cuda::CUDAStreamGuard on_stream(stream_);
      for (int i = 0; i < kTimes; ++i) work();
    }
    c10::cuda::device_synchronize();
  }

  std::function<void()> record(const std::function<void()>& work) override {
    const auto graph = std::make_shared<at::cuda::CUDAGraph>();
    const c10::cuda::CUDAGuard on_device(device_);
    c10::cuda::device_synchronize();
    {
      const c10::cuda::CUDAStreamGuard on_stream(stream_);
      // One pool for both passes: what forward saves is read by backward. Other threads of this process may go on allocating.
      graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      try {
        work();
      } catch (...) {
        end_quietly(*graph);
        throw;
      }
      graph->capture_end();
    }
    return [graph] { graph->replay(); };
  }

 private:
  /// A stream that is left capturing would refuse everything from then on.
  static void end_quietly(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const c10::Error&) {
      return;  // what went wrong in the work says more
    }
  }

  c10::Device device_;
  c10::cuda::CUDAStream stream_;
  c10::MempoolId_t pool_;
};

}  // namespace

std::unique_ptr<WorkRecorder> make_cuda_graph_recorder(const c10::Device& device) {
  return device.is_cuda() ? std::make_unique<CudaGraphRecorder>(device) : nullptr;
}

#else

std::unique_ptr<WorkRecorder> make_cuda_graph_recorder(const c10::Device& /*device*/) { return nullptr; }

#endif

}  // namespace affinis::train
