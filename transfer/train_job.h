#pragma once

#include <memory>

#include "framework/run/job.h"
#include "transfer/spec.h"

namespace affinis::transfer {

/// The job kind "train": see TrainSpec.
std::shared_ptr<run::JobKind> make_train_kind(const StudyEnvironment& environment);

}  // namespace affinis::transfer
