#pragma once

#include <filesystem>
#include <vector>

#include "framework/nn/module.h"

namespace affinis::nn {

/// Whether the file begins like one that torch.save wrote: a zip archive, or a pickle (the format from before PyTorch 1.6, which
/// read_torch_weights() refuses with a sentence of its own).
bool looks_like_torch_file(const std::filesystem::path& path);

/// The tensors of a `state_dict` that torch.save wrote (PyTorch 1.6 or later): a plain dict or an OrderedDict, alone or under
/// "state_dict", "model_state_dict" or "model" of a larger dict; a "module." before every name (DataParallel) is taken off, entries that
/// are no tensors are left out.
///
/// Executes nothing: the pickle inside is interpreted for what weights consist of (dicts, lists, tuples, text, numbers,
/// torch._utils._rebuild_tensor_v2, _rebuild_parameter, torch's typed storages, collections.OrderedDict) and anything else is refused by
/// name. Every length, offset and stride is checked before memory is asked for; storages are held once however many tensors show them,
/// and together take no more memory than the file.
///
/// Tensors are on the CPU; those that share a storage in the file share memory here, and they lie as they were saved. Throws Error(kIo),
/// or Error(kFormat) naming file and defect.
std::vector<NamedTensor> read_torch_weights(const std::filesystem::path& path);

}  // namespace affinis::nn
