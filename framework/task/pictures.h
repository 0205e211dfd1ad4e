#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/data/image.h"

namespace affinis::task {

/// How tasks show tensors to a person. One pixel a pixel; targets and predictions go through the same function, so that colours mean
/// the same. Pixels where `mask` ([1, H, W] or [H, W], may be undefined) is zero are kUnlabelledColour.
inline constexpr std::uint8_t kUnlabelledColour[3] = {72, 60, 84};

/// [3, H, W] in [-1, 1] as it is; values beyond are clipped.
data::Image colour_picture(const at::Tensor& image);

/// [1, H, W]: `low` is black, `high` white.
data::Image grey_picture(const at::Tensor& values, const at::Tensor& mask, float low, float high);

/// [1, H, W] in perceptually even false colours from `low` to `high`.
data::Image scalar_picture(const at::Tensor& values, const at::Tensor& mask, float low, float high);

/// [1, H, W]: `-reach` is blue, zero white, `reach` red.
data::Image signed_picture(const at::Tensor& values, const at::Tensor& mask, float reach);

/// [D, H, W] vectors: their three greatest principal components within the image as red, green and blue, two deviations to either side of
/// the middle. Pixels of like colour have like vectors; the colours themselves mean nothing.
data::Image embedding_picture(const at::Tensor& vectors);

/// [3, H, W] directions of any length: red is +x, green +y, blue +z of the unit vector.
data::Image normal_picture(const at::Tensor& normals, const at::Tensor& mask);

/// [H, W] integer classes; class c has the colour of label c + `first_label`, as on the data set's contact sheets.
data::Image label_picture(const at::Tensor& classes, const at::Tensor& mask, std::int64_t first_label = 0);

/// The most likely classes as names over bars, most likely first: a square picture of at least 64 pixels.
data::Image ranked_classes_picture(std::span<const double> shares, const std::vector<std::string>& names, std::int64_t side);

}  // namespace affinis::task
