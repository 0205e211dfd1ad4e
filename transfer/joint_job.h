#pragma once

#include <memory>

#include "framework/run/job.h"
#include "transfer/spec.h"

namespace affinis::transfer {

/// The job kind "joint": see JointSpec.
std::shared_ptr<run::JobKind> make_joint_kind(const StudyEnvironment& environment);

}  // namespace affinis::transfer
