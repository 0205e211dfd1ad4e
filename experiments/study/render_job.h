#pragma once

#include <memory>

#include "experiments/data_set/render_data_set.h"
#include "framework/run/job.h"

namespace affinis::experiments {

/// The job "data" of kind "render": a data set of rooms in the job's result folder.
run::Job make_render_job(const RenderDataSetOptions& options);

/// The kind "render". It may use every core: no other job runs before it is done, and pictures do not depend on threads.
std::shared_ptr<run::JobKind> make_render_kind();

inline constexpr const char* kRenderKind = "render";

}  // namespace affinis::experiments
