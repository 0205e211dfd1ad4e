#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "framework/data/sample.h"

namespace affinis::task {

/// An 8-bit value v as (2 v - 255) / 255: 0 is exactly -1 and 255 exactly 1. Row v of this table.
const std::array<float, 256>& signed_byte_table();

/// Spreads `pixels` (interleaved, `channels` a pixel) over planes of signed_byte_table() values: [channels, count].
void bytes_to_planes(const std::uint8_t* pixels, std::int64_t count, std::int64_t channels, float* planes);

/// The sample's RGB image as a network sees it: [3, S, S] float32 in [-1, 1]. What every encoder is fed when it is a source.
/// Throws Error(kData) when the sample has no square three-channel image.
at::Tensor image_input(const data::Sample& sample);

}  // namespace affinis::task
