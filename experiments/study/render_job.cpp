#include "experiments/study/render_job.h"

#include "transfer/spec.h"

namespace affinis::experiments {
namespace {

class RenderKind : public run::JobKind {
 public:
  void run(run::JobContext& context) const override {
    RenderDataSetOptions options;
    from_json(option_section("rooms", "", options), context.job.spec);
    options.threads = 0;
    render_data_set(options, context.folder, context.logger,
                    [&](double done, double total) { context.progress(done, total, "rooms"); });
  }
};

}  // namespace

run::Job make_render_job(const RenderDataSetOptions& options) {
  run::Job job;
  job.kind = kRenderKind;
  job.name = transfer::kDataJob;
  RenderDataSetOptions copy = options;
  job.spec = to_json(option_section("rooms", "", copy), true);
  constexpr double kRoomCost = 10;
  job.cost = kRoomCost * static_cast<double>((options.train_buildings + options.transfer_buildings + options.test_buildings) *
                                             options.rooms_per_building);
  return job;
}

std::shared_ptr<run::JobKind> make_render_kind() { return std::make_shared<RenderKind>(); }

}  // namespace affinis::experiments
