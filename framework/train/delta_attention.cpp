#include "framework/train/delta_attention.h"

#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/nn/stage_maps.h"
#include "framework/train/batch_tools.h"
#include "framework/train/evaluation_mode.h"
#include "framework/train/low_precision.h"

namespace affinis::train {
namespace {

/// One head's loss, summed over images with a label.
struct HeadLosses {
  double images = 0;
  double whole = 0;
  std::vector<at::Tensor> without;  ///< [C] for each map, float64, where the network is
};

/// Heads of one part that share a pass through the trunk.
struct SharedPass {
  at::Tensor input;
  std::int64_t images = 1;  ///< an example has
  std::vector<std::size_t> heads;
};

std::vector<SharedPass> shared_passes(const BatchPart& part) {
  std::vector<SharedPass> passes;
  for (std::size_t h = 0; h < part.inputs.size(); ++h) {
    const at::Tensor& input = part.inputs[h];
    if (!input.defined() || part.labels[h].here == 0) continue;
    std::size_t own = 0;
    while (own < passes.size() && !passes[own].input.is_same(input)) ++own;
    if (own == passes.size()) passes.push_back({input, input.dim() == 5 ? input.size(1) : 1, {}});
    passes[own].heads.push_back(h);
  }
  return passes;
}

class ChannelSwitches {
 public:
  ChannelSwitches(Network& network, bool low_precision)
      : network_(network), device_(device_of(network)), low_precision_(low_precision), losses_(network.heads().size()) {}

  void add(const BatchPart& part) {
    for (const SharedPass& pass : shared_passes(part)) {
      const std::vector<at::Tensor> maps = maps_of(pass.input);
      for (const std::size_t h : pass.heads) {
        losses_[h].images += static_cast<double>(part.labels[h].here);
        losses_[h].whole += loss(part, h, maps.back()).item<double>();
      }
      for (std::size_t m = 0; m < maps.size(); ++m) switch_off(part, pass, maps, m);
    }
  }

  std::vector<at::Tensor> rises() const {
    std::vector<at::Tensor> rises;
    double heads = 0;
    for (const HeadLosses& head : losses_) {
      if (head.images == 0) continue;
      ++heads;
      rises.resize(head.without.size());
      for (std::size_t m = 0; m < rises.size(); ++m) {
        const at::Tensor rise = (head.without[m].to(at::kCPU) - head.whole) / head.images;
        rises[m] = rises[m].defined() ? rises[m] + rise : rise;
      }
    }
    AFFINIS_CHECK(heads > 0, ErrorCode::kData,
                  "delta_attention is 'supervised', but none of the examples that channels are weighed on has a label; raise delta_examples");
    for (std::size_t m = 0; m < rises.size(); ++m) {
      rises[m] = rises[m] / heads;
      const at::Tensor sound = at::isfinite(rises[m]);
      AFFINIS_CHECK(sound.all().item<bool>(), ErrorCode::kNumeric,
                    "the loss without channel {} of the map '{}' is NaN or infinite, so that it cannot be weighed; lower learning_rate or set "
                    "delta_attention to 'uniform'",
                    at::argmin(sound.to(at::kByte)).item<std::int64_t>(), map_name(m, rises.size()));
    }
    return rises;
  }

 private:
  /// The stages' and, last, the representation.
  std::vector<at::Tensor> maps_of(const at::Tensor& input) {
    std::vector<at::Tensor> maps;
    auto* const stages = dynamic_cast<nn::StageMaps*>(network_.trunk());
    if (stages != nullptr) stages->record_stages(&maps);
    at::Tensor representation;
    try {
      const LowPrecision low(device_, low_precision_);
      representation = network_.encode(input);
    } catch (...) {
      if (stages != nullptr) stages->record_stages(nullptr);
      throw;
    }
    if (stages != nullptr) stages->record_stages(nullptr);
    maps.push_back(representation);
    return maps;
  }

  at::Tensor loss(const BatchPart& part, std::size_t head, const at::Tensor& representation) {
    at::Tensor prediction;
    {
      const LowPrecision low(device_, low_precision_);
      prediction = network_.decode(representation, head);
    }
    return network_.heads()[head].task->loss(prediction.to(at::kFloat), part.batches[head]) * static_cast<double>(part.labels[head].here);
  }

  void switch_off(const BatchPart& part, const SharedPass& pass, const std::vector<at::Tensor>& maps, std::size_t m) {
    const bool top = m + 1 == maps.size();
    const at::Tensor map = maps[m].clone();
    const std::int64_t images = top ? pass.images : 1;  // side by side in a row of the map
    const std::int64_t channels = map.size(1) / images;
    const at::Tensor by_channel = map.unflatten(1, {images, channels});
    for (const std::size_t h : pass.heads) {
      std::vector<at::Tensor>& without = losses_[h].without;
      if (without.empty()) without.resize(maps.size());
      if (!without[m].defined()) without[m] = at::zeros({channels}, map.options().dtype(at::kDouble));
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      const at::Tensor channel = by_channel.select(2, c);
      const at::Tensor kept = channel.clone();
      channel.zero_();
      const at::Tensor representation = top ? map : from_stage(m, map, pass.images);
      for (const std::size_t h : pass.heads) losses_[h].without[m].select(0, c).add_(loss(part, h, representation));
      channel.copy_(kept);
    }
  }

  at::Tensor from_stage(std::size_t stage, const at::Tensor& map, std::int64_t images) {
    const LowPrecision low(device_, low_precision_);
    return network_.encode_from(stage, map, images);
  }

  Network& network_;
  c10::Device device_;
  bool low_precision_;
  std::vector<HeadLosses> losses_;
};

}  // namespace

std::vector<at::Tensor> loss_rises(Network& network, const std::vector<BatchPart>& parts, bool low_precision) {
  AFFINIS_ASSERT(network.trunk() != nullptr);
  const EvaluationMode mode(network);
  ChannelSwitches switches(network, low_precision);
  for (const BatchPart& part : parts) switches.add(part);
  return switches.rises();
}

at::Tensor attention_of(const at::Tensor& rises) {
  constexpr double kTemperature = 5;
  // A deviation of equal rises would be rounding alone.
  const bool equal = rises.max().item<double>() == rises.min().item<double>();
  const at::Tensor standard = equal ? at::zeros_like(rises) : (rises - rises.mean()) / rises.std(/*unbiased=*/false);
  return at::softmax(standard / kTemperature, 0);
}

std::string map_name(std::size_t map, std::size_t maps) { return map + 1 == maps ? "representation" : "stage " + std::to_string(map + 1); }

std::string attention_in_words(const std::vector<at::Tensor>& attention) {
  std::vector<std::string> words;
  for (std::size_t m = 0; m < attention.size(); ++m) {
    const auto channels = static_cast<double>(attention[m].numel());
    words.push_back(fmt::format("{} {:.3g} to {:.3g}", map_name(m, attention.size()), attention[m].min().item<double>() * channels,
                                attention[m].max().item<double>() * channels));
  }
  return join(words, ", ");
}

nlohmann::json attention_in_json(const std::vector<at::Tensor>& attention) {
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t m = 0; m < attention.size(); ++m) {
    list.push_back({{"map", map_name(m, attention.size())},
                    {"channels", attention[m].numel()},
                    {"smallest", attention[m].min().item<double>()},
                    {"largest", attention[m].max().item<double>()}});
  }
  return list;
}

}  // namespace affinis::train
