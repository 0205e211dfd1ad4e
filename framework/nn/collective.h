#pragma once

#include <string>

#include <ATen/core/Tensor.h>

namespace affinis::nn {

/// The processes ("ranks") that train one network together, each on its share of every batch. Calls are collective: every rank makes the
/// same ones in the same order with tensors of the same shape and type, and all get the same bits. An error on one rank leaves the
/// others waiting: end the process then, and the launcher ends them. Not thread-safe.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;  ///< 0 to size() - 1; 0 writes files and speaks
  virtual int size() const = 0;
  /// "mpi", "nccl", "tcp".
  virtual std::string name() const = 0;
  /// Replaces the tensor (contiguous; float, double or int64; on the rank's device) by the sum over all ranks.
  virtual void sum(at::Tensor& tensor) = 0;
  /// Replaces the tensor by that of rank 0.
  virtual void broadcast(at::Tensor& tensor) = 0;
  /// Returns when every rank has come here.
  virtual void wait_for_all() = 0;
};

}  // namespace affinis::nn
