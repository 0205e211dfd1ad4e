#pragma once

#include <string>

#include "taxonomy/tree.h"

namespace affinis::experiments {

/// The tree as an SVG picture of its own: root on the left, leaves in rows on the right, a scale of heights below. Follows the reader's
/// light or dark setting; names are escaped. `title` stands above and is what a screen reader says.
std::string tree_svg(const taxonomy::Tree& tree, const std::string& title);

}  // namespace affinis::experiments
