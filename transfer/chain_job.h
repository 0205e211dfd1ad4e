#pragma once

#include <memory>

#include "framework/run/job.h"
#include "transfer/representation.h"

namespace affinis::transfer {

/// The job kind "chain": see ChainSpec.
std::shared_ptr<run::JobKind> make_chain_kind();

/// What a trained transfer function makes of representations, in evaluation mode (nothing is clipped then): [N, C, s, s] -> [N, 2 C, s, s],
/// rounded to `precision`. The result's source is `name`.
Representations pass_through(nn::Module& function, const c10::Device& device, const Representations& representations,
                             RepresentationPrecision precision, const std::string& name);

}  // namespace affinis::transfer
