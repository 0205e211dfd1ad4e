#pragma once

#include <memory>

#include "framework/run/job.h"
#include "transfer/spec.h"

namespace affinis::transfer {

/// The job kind "transfer": see TransferSpec.
std::shared_ptr<run::JobKind> make_transfer_kind(const StudyEnvironment& environment);

}  // namespace affinis::transfer
