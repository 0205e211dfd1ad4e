#include "framework/task/image_input.h"

#include <ATen/ops/empty.h>

#include "framework/core/error.h"

namespace affinis::task {

const std::array<float, 256>& signed_byte_table() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> values{};
    for (int i = 0; i < 256; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(2 * i - 255) / 255.0F;
    return values;
  }();
  return table;
}

void bytes_to_planes(const std::uint8_t* pixels, std::int64_t count, std::int64_t channels, float* planes) {
  const float* table = signed_byte_table().data();
  if (channels == 3) {
    float* red = planes;
    float* green = planes + count;
    float* blue = planes + 2 * count;
    for (std::int64_t i = 0; i < count; ++i, pixels += 3) {
      red[i] = table[pixels[0]];
      green[i] = table[pixels[1]];
      blue[i] = table[pixels[2]];
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t channel = 0; channel < channels; ++channel) planes[channel * count + i] = table[pixels[i * channels + channel]];
  }
}

at::Tensor image_input(const data::Sample& sample) {
  const data::FieldValue& rgb = sample.field("rgb");
  AFFINIS_CHECK(rgb.shape.size() == 3 && rgb.shape[0] == rgb.shape[1] && rgb.shape[2] == 3, ErrorCode::kData,
                "sample {}: field rgb is not a square image of three channels; import it with its images resized", sample.key.name());
  const std::int64_t side = rgb.shape[0];
  at::Tensor image = at::empty({3, side, side}, at::TensorOptions().dtype(at::kFloat));
  bytes_to_planes(rgb.as<std::uint8_t>().data(), side * side, 3, static_cast<float*>(image.mutable_data_ptr()));
  return image;
}

}  // namespace affinis::task
