#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "framework/core/error.h"
#include "framework/nn/detail/pickle.h"
#include "tests/fuzz/allocation_guard.h"

/// What the interpreter of pickles lets through points at nothing that is not there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  const fuzz::AllocationGuard guard(size, 256, 1 << 16);
  try {
    const nn::detail::Pickle pickle = nn::detail::read_pickle({reinterpret_cast<const char*>(data), size});
    for (const auto& list : pickle.lists) {
      for (const nn::detail::PickledValue& each : list) {
        using Kind = nn::detail::PickledValue::Kind;
        const bool there = each.kind == Kind::kText                               ? each.index < pickle.texts.size()
                           : each.kind == Kind::kList || each.kind == Kind::kDict ? each.index < pickle.lists.size()
                           : each.kind == Kind::kTensor                           ? each.index < pickle.tensors.size()
                           : each.kind == Kind::kStorage                          ? each.index < pickle.storages.size()
                                                                                  : true;
        if (!there) std::abort();
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFormat || error.sentence().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
