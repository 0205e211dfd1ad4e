#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "taxonomy/tournament.h"

namespace affinis::taxonomy {

/// Tournaments that were held elsewhere: csv files with the columns target,a,b,win_rate and, if
/// need be, images: the share of test images on which network a had the lower loss than b, ties one
/// half, and on how many that was measured (Laplace smoothing needs it, for every pair of its
/// target). A pair may stand in one direction or in both. One tournament a target, sorted by
/// target; networks
/// (`self`, `scratch`, sources joined by '+') keep their order of first appearance; pairs that no
/// row has are NaN. Throws Error(kIo), Error(kFormat) or Error(kData) with file and line: a rate
/// outside 0 to 1, a network against itself at another rate than 0.5, the same row twice,
/// directions that do not add up to 1 within 1e-6 or have other numbers of images, images that are
/// no positive whole number or are given for some rows of a target only.
std::vector<Tournament> read_win_rates(std::span<const std::filesystem::path> paths);

}  // namespace affinis::taxonomy
