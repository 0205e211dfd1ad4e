#include "framework/task/plugin_tool_kit.h"

#include "framework/core/text.h"
#include "framework/data/image.h"
#include "framework/nn/networks.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/metrics.h"
#include "framework/task/pictures.h"
#include "framework/task/task.h"

namespace affinis::task {
namespace {

using AnyFunction = void (*)();

template <typename Function>
AnyFunction address(Function* function) {
  return reinterpret_cast<AnyFunction>(function);
}

}  // namespace

void keep_plugin_tool_kit() {
  // One function of each object file keeps all of it.
  static const volatile AnyFunction kept[] = {
      address(&collate),        address(&image_input),           address(&absolute_error),    address(&error_metrics),
      address(&colour_picture), address(&make_dense_head),       address(&derive_seed),       address(&join),
      address(&data::enlarge),  address(&data::field_spec),      address(&nn::make_encoder),  address(&nn::make_constant),
      address(&nn::initialise), address(&nn::make_dense_decoder), address(&nn::make_vector_head), address(&nn::make_quarter_decoder)};
  static_cast<void>(kept[0]);
}

}  // namespace affinis::task
