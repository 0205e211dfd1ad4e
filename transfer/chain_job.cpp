#include "transfer/chain_job.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/nn/safetensors.h"
#include "transfer/device.h"
#include "transfer/job_kinds.h"
#include "transfer/transfer_function.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kImagesTogether = 256;

std::filesystem::path input_folder(const run::JobContext& context, const std::string& job) {
  const auto it = context.inputs.find(job);
  AFFINIS_CHECK(it != context.inputs.end(), ErrorCode::kInternal, "job {} lacks the result of {}", context.job.name, job);
  return it->second;
}

class ChainKind : public run::JobKind {
 public:
  void run(run::JobContext& context) const override {
    const ChainSpec spec = chain_spec_from_json(context.job.spec);
    const std::filesystem::path encoding = input_folder(context, encode_job_name(spec.first));
    const std::filesystem::path weights = input_folder(context, spec.transfer_job) / kFunctionFile;
    const c10::Device device = device_of_slot(context.device);
    const auto precision = spec.study.half_precision ? RepresentationPrecision::kHalf : RepresentationPrecision::kSingle;
    std::unique_ptr<nn::Module> function;
    double images = 0;
    for (const char* file : {kTransferRepresentationsFile, kTestRepresentationsFile}) {
      const Representations read = read_representations(encoding / file);
      if (!function) {
        function = make_transfer_function({.order = 1, .representation_channels = read.values.size(1)});
        function->to(device);
        nn::load_state(*function, nn::read_safetensors(weights).tensors, "trunk.");
      }
      write_representations(context.folder / file, pass_through(*function, device, read, precision, chain_source_name(spec.first, spec.through)), precision);
      images += static_cast<double>(read.indices.size());
    }
    context.metrics["images"] = images;
  }
};

}  // namespace

Representations pass_through(nn::Module& function, const c10::Device& device, const Representations& representations,
                             RepresentationPrecision precision, const std::string& name) {
  const at::NoGradGuard no_gradients;
  function.set_training(false);
  const at::ScalarType stored = precision == RepresentationPrecision::kHalf ? at::kHalf : at::kFloat;
  const std::int64_t images = representations.values.size(0);
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < images; begin += kImagesTogether) {
    const at::Tensor part = representations.values.slice(0, begin, std::min(images, begin + kImagesTogether));
    parts.push_back(function.forward(part.to(device)).to(stored).to(at::kCPU, at::kFloat));
  }
  return {name, representations.indices, parts.empty() ? at::Tensor() : at::cat(parts).contiguous()};
}

std::shared_ptr<run::JobKind> make_chain_kind() { return std::make_shared<ChainKind>(); }

}  // namespace affinis::transfer
