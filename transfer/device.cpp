#include "transfer/device.h"

#include <optional>

#include <ATen/Context.h>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::transfer {

c10::Device device_of_slot(const std::string& slot) {
  const std::size_t colon = slot.find(':');
  const std::string kind = slot.substr(0, colon);
  const std::optional<std::int64_t> number =
      colon == std::string::npos ? std::optional<std::int64_t>(0) : parse_integer(slot.substr(colon + 1));
  constexpr std::int64_t kMost = 127;
  AFFINIS_CHECK((kind == "cpu" || kind == "cuda") && number && *number >= 0 && *number <= kMost, ErrorCode::kConfig,
                "'{}' is no device slot; slots are cpu:0, cpu:1, cuda:0 ...", slot);
  if (kind == "cpu") return {at::kCPU};
#ifdef AFFINIS_CUDA
  AFFINIS_CHECK(at::hasCUDA() && *number < static_cast<std::int64_t>(at::detail::getCUDAHooks().deviceCount()), ErrorCode::kConfig,
                "slot {} is not there: this machine shows {} GPUs; name others in run.devices", slot,
                at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0);
  return {at::kCUDA, static_cast<c10::DeviceIndex>(*number)};
#else
  fail(ErrorCode::kConfig, "slot {} is a GPU, and this build has none; build with AFFINIS_CUDA=ON (preset cuda)", slot);
#endif
}

}  // namespace affinis::transfer
