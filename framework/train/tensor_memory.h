#pragma once

namespace affinis::train {

/// From now on keeps the memory of freed CPU tensors, sorted by size, for the next ones of that size: a training step asks for the same few
/// hundred blocks as the one before, and a general allocator splits and joins its large blocks each time. At most half a GiB is kept, in
/// blocks of at most 64 MiB. For processes that train; called again it does nothing.
void keep_tensor_memory();

}  // namespace affinis::train
