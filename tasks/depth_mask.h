#pragma once

#include <cstdint>

namespace affinis::tasks {

/// Depths from here on (1/512 m) mean that the ray hit nothing; geometric labels are masked there (Taskonomy, Zamir et al. 2018).
inline constexpr std::uint16_t kFirstInvalidDepth = 64500;

}  // namespace affinis::tasks
