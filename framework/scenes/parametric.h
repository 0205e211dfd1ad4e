#pragma once

#include <cstdint>

#include "framework/scenes/furniture.h"

namespace affinis::scenes {

/// Number of parametric variants of a role.
std::uint64_t parametric_variants(Role role);

/// A piece made of boxes, cylinders and ellipsoids; depends on (role, variant) alone.
Mesh parametric_mesh(Role role, std::uint64_t variant, Patterns& patterns);
/// Height above the floor where such a piece hangs; 0 for what stands.
float parametric_elevation(Role role);

}  // namespace affinis::scenes
