#include "framework/task/pictures.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <ATen/ATen.h>
#include <opencv2/core.hpp>

#include "framework/core/error.h"

namespace affinis::task {
namespace {

at::Tensor plain(const at::Tensor& tensor, at::ScalarType type) { return tensor.detach().to(at::kCPU, type).contiguous(); }

/// A picture of the tensor's last two dimensions, each pixel by paint(index, rgb) unless the mask forbids.
template <typename Paint>
data::Image paint_pixels(const at::Tensor& shaped, const at::Tensor& mask, Paint paint) {
  const std::int64_t height = shaped.size(-2);
  const std::int64_t width = shaped.size(-1);
  at::Tensor plain_mask;
  if (mask.defined()) {
    plain_mask = plain(mask, at::kFloat);
    AFFINIS_CHECK(plain_mask.numel() == height * width, ErrorCode::kInternal, "a mask of the shape {} does not fit a picture of {} x {}",
                  c10::str(mask.sizes()), height, width);
  }
  const float* valid = mask.defined() ? plain_mask.const_data_ptr<float>() : nullptr;
  data::Image picture(static_cast<int>(width), static_cast<int>(height));
  for (std::int64_t i = 0; i < height * width; ++i) {
    std::uint8_t* rgb = picture.pixels.data() + 3 * i;
    if (valid != nullptr && valid[i] == 0) {
      std::memcpy(rgb, kUnlabelledColour, 3);
    } else {
      paint(i, rgb);
    }
  }
  return picture;
}

std::uint8_t to_byte(float share) {
  return std::isnan(share) ? std::uint8_t{0} : static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0F, 1.0F)));
}

void check_channels(const at::Tensor& tensor, std::int64_t channels) {
  AFFINIS_CHECK(tensor.dim() == 3 && tensor.size(0) == channels, ErrorCode::kInternal,
                "this picture is made of [{}, H, W] values, not of the shape {}", channels, c10::str(tensor.sizes()));
}

}  // namespace

data::Image colour_picture(const at::Tensor& image) {
  check_channels(image, 3);
  const at::Tensor values = plain(image, at::kFloat);
  const float* value = values.const_data_ptr<float>();
  const std::int64_t plane = image.size(1) * image.size(2);
  return paint_pixels(image, {}, [=](std::int64_t i, std::uint8_t* rgb) {
    for (std::int64_t channel = 0; channel < 3; ++channel) rgb[channel] = to_byte(0.5F * (value[channel * plane + i] + 1));
  });
}

data::Image grey_picture(const at::Tensor& values, const at::Tensor& mask, float low, float high) {
  check_channels(values, 1);
  const at::Tensor held = plain(values, at::kFloat);
  const float* value = held.const_data_ptr<float>();
  return paint_pixels(values, mask,
                      [=](std::int64_t i, std::uint8_t* rgb) { std::memset(rgb, to_byte((value[i] - low) / (high - low)), 3); });
}

data::Image scalar_picture(const at::Tensor& values, const at::Tensor& mask, float low, float high) {
  check_channels(values, 1);
  const at::Tensor held = plain(values, at::kFloat);
  const float* value = held.const_data_ptr<float>();
  return paint_pixels(values, mask, [=](std::int64_t i, std::uint8_t* rgb) {
    const float share = (value[i] - low) / (high - low);
    data::scalar_colour(std::isnan(share) ? 0.0 : std::clamp(static_cast<double>(share), 0.0, 1.0), rgb);
  });
}

data::Image signed_picture(const at::Tensor& values, const at::Tensor& mask, float reach) {
  check_channels(values, 1);
  const at::Tensor held = plain(values, at::kFloat);
  const float* value = held.const_data_ptr<float>();
  return paint_pixels(values, mask, [=](std::int64_t i, std::uint8_t* rgb) {
    const double share = static_cast<double>(value[i]) / reach;
    data::signed_colour(std::isnan(share) ? 0.0 : std::clamp(share, -1.0, 1.0), rgb);
  });
}

data::Image embedding_picture(const at::Tensor& vectors) {
  constexpr double kDeviations = 2;
  const at::Tensor rows = plain(vectors, at::kDouble).flatten(1);
  const at::Tensor centred = rows - rows.mean(1, true);
  const at::Tensor covariance = at::nan_to_num(at::mm(centred, centred.t()) / std::max<std::int64_t>(1, centred.size(1)));
  const auto dimensions = static_cast<int>(rows.size(0));
  const cv::Mat matrix(dimensions, dimensions, CV_64F, covariance.data_ptr());
  cv::Mat variances;
  cv::Mat axes;
  cv::eigen(matrix, variances, axes);
  at::Tensor colours = at::zeros({3, vectors.size(1), vectors.size(2)}, at::kDouble);
  for (int i = 0; i < std::min(3, dimensions); ++i) {
    at::Tensor axis = at::from_blob(axes.ptr<double>(i), {1, dimensions}, at::kDouble).clone();
    // An eigenvector's sign is arbitrary; with its largest component positive the same image always has the same colours.
    if (axis.flatten()[axis.abs().argmax()].item<double>() < 0) axis.neg_();
    const double deviation = std::sqrt(std::max(variances.at<double>(i), 0.0));
    if (deviation > 0) colours[i] = at::mm(axis, centred).view({vectors.size(1), vectors.size(2)}) / (kDeviations * deviation);
  }
  return colour_picture(colours);
}

data::Image normal_picture(const at::Tensor& normals, const at::Tensor& mask) {
  check_channels(normals, 3);
  const at::Tensor held = plain(normals, at::kFloat);
  const float* value = held.const_data_ptr<float>();
  const std::int64_t plane = normals.size(1) * normals.size(2);
  return paint_pixels(normals, mask, [=](std::int64_t i, std::uint8_t* rgb) {
    const float x = value[i];
    const float y = value[plane + i];
    const float z = value[2 * plane + i];
    const float length = std::max(std::sqrt(x * x + y * y + z * z), 1e-6F);
    rgb[0] = to_byte(0.5F * (x / length + 1));
    rgb[1] = to_byte(0.5F * (y / length + 1));
    rgb[2] = to_byte(0.5F * (z / length + 1));
  });
}

data::Image label_picture(const at::Tensor& classes, const at::Tensor& mask, std::int64_t first_label) {
  const at::Tensor held = plain(classes, at::kLong);
  const std::int64_t* value = held.const_data_ptr<std::int64_t>();
  return paint_pixels(classes, mask, [=](std::int64_t i, std::uint8_t* rgb) { data::label_colour(value[i] + first_label, rgb); });
}

data::Image ranked_classes_picture(std::span<const double> shares, const std::vector<std::string>& names, std::int64_t side) {
  AFFINIS_CHECK(shares.size() == names.size(), ErrorCode::kInternal, "{} shares for {} classes", shares.size(), names.size());
  constexpr int kRows = 3;
  const int size = static_cast<int>(std::max<std::int64_t>(side, 64));
  const int row_height = size / kRows;
  const int margin = size / 32;
  std::vector<std::size_t> order(shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return shares[a] > shares[b]; });

  data::Image picture(size, size, 255);
  for (int row = 0; row < kRows && row < static_cast<int>(order.size()); ++row) {
    const std::size_t which = order[static_cast<std::size_t>(row)];
    // A class that is ruled out is not worth a line.
    if (!(shares[which] > 0)) break;
    const int top = row * row_height;
    double height = row_height * 0.5;
    while (height > 4 && data::text_width(names[which], height) > size - 2 * margin) height *= 0.9;
    data::draw_text(picture, names[which], margin, top + row_height * 6 / 10, height, 20);
    std::uint8_t colour[3];
    data::label_colour(static_cast<std::int64_t>(which), colour);
    const int length = static_cast<int>(std::lround((size - 2 * margin) * std::clamp(shares[which], 0.0, 1.0)));
    for (int y = top + row_height * 7 / 10; y < top + row_height * 9 / 10; ++y) {
      for (int x = margin; x < size - margin; ++x) {
        std::uint8_t* rgb = picture.at(x, y);
        if (x < margin + length) {
          std::memcpy(rgb, colour, 3);
        } else {
          std::memset(rgb, 225, 3);
        }
      }
    }
  }
  return picture;
}

}  // namespace affinis::task
