#pragma once

#include <memory>

#include "framework/run/job.h"
#include "transfer/spec.h"

namespace affinis::transfer {

/// The job kind "encode": see EncodeSpec.
std::shared_ptr<run::JobKind> make_encode_kind(const StudyEnvironment& environment);

}  // namespace affinis::transfer
