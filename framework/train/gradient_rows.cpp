#include "framework/train/gradient_rows.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace affinis::train {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 15;

}  // namespace

at::Tensor row_products(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor sum = at::zeros({a.size(0), b.size(0)}, a.options().dtype(at::kDouble));
  for (std::int64_t first = 0; first < a.size(1); first += kBlock) {
    const std::int64_t count = std::min(kBlock, a.size(1) - first);
    const at::Tensor left = a.narrow(1, first, count).to(at::kDouble);
    const at::Tensor right = a.is_same(b) ? left : b.narrow(1, first, count).to(at::kDouble);
    sum.addmm_(left, right.t());
  }
  return sum;
}

Gramian upper_gramian(const at::Tensor& products) {
  const at::Tensor host = products.to(at::kCPU).contiguous();
  const double* values = host.const_data_ptr<double>();
  const auto tasks = static_cast<std::size_t>(host.size(0));
  std::vector<double> result(tasks * tasks);
  for (std::size_t i = 0; i < tasks; ++i) {
    for (std::size_t j = i; j < tasks; ++j) result[i * tasks + j] = result[j * tasks + i] = values[i * tasks + j];
  }
  return {tasks, std::move(result)};
}

at::Tensor weighted_sum(const at::Tensor& rows, std::span<const double> weights) {
  return at::mv(rows.t(), at::tensor(at::ArrayRef<double>(weights.data(), weights.size()), at::kDouble).to(rows.options()));
}

void set_gradients(const std::vector<at::Tensor>& parameters, const std::vector<bool>& reached, const at::Tensor& flat) {
  const at::NoGradGuard no_gradients;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (reached[i]) parameters[i].mutable_grad() = flat.narrow(0, offset, parameters[i].numel()).view(parameters[i].sizes());
    offset += parameters[i].numel();
  }
}

void add_to(at::Tensor& sum, const at::Tensor& term) {
  const at::NoGradGuard no_gradients;
  sum = sum.defined() ? sum + term : term;
}

}  // namespace affinis::train
