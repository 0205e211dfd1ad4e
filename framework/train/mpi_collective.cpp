#include "framework/train/collectives.h"

#ifdef AFFINIS_MPI

#include <algorithm>
#include <exception>
#include <limits>

#include <mpi.h>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(ErrorCode::kDevice, "MPI's {} failed: {}", what, std::string(text, static_cast<std::size_t>(length)));
}

MPI_Datatype type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat: return MPI_FLOAT;
    case at::kDouble: return MPI_DOUBLE;
    case at::kLong: return MPI_INT64_T;
    default: fail(ErrorCode::kInternal, "a collective takes float, double and int64, not {}", c10::toString(tensor.scalar_type()));
  }
}

class MpiCollective final : public nn::Collective {
 public:
  MpiCollective() {
    int initialised = 0;
    MPI_Initialized(&initialised);
    if (initialised == 0) {
      int provided = 0;
      check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
      owns_ = true;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  }

  /// While an error ends this rank it must not wait for the others in MPI_Finalize; the launcher ends them.
  ~MpiCollective() override {
    if (owns_ && std::uncaught_exceptions() == exceptions_) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "mpi"; }

  void sum(at::Tensor& tensor) override {
    on_host(tensor, [](void* data, int count, MPI_Datatype type) {
      check(MPI_Allreduce(MPI_IN_PLACE, data, count, type, MPI_SUM, MPI_COMM_WORLD), "MPI_Allreduce");
    });
  }

  void broadcast(at::Tensor& tensor) override {
    on_host(tensor, [](void* data, int count, MPI_Datatype type) {
      check(MPI_Bcast(data, count, type, 0, MPI_COMM_WORLD), "MPI_Bcast");
    });
  }

  void wait_for_all() override { check(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier"); }

 private:
  /// MPI counts in int: in pieces.
  template <typename Call>
  static void on_host(at::Tensor& tensor, Call call) {
    at::Tensor host = tensor.to(at::kCPU).contiguous();
    auto* data = static_cast<char*>(host.mutable_data_ptr());
    constexpr std::int64_t kMost = std::numeric_limits<int>::max();
    for (std::int64_t done = 0; done < host.numel(); done += kMost) {
      call(data + done * static_cast<std::int64_t>(host.element_size()), static_cast<int>(std::min(kMost, host.numel() - done)),
           type_of(host));
    }
    if (!host.is_same(tensor)) tensor.copy_(host);
  }

  int rank_ = 0;
  int size_ = 1;
  bool owns_ = false;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

std::unique_ptr<nn::Collective> make_mpi_collective() { return std::make_unique<MpiCollective>(); }

}  // namespace affinis::train

#endif
