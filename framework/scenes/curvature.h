#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "framework/scenes/tracer.h"

namespace affinis::scenes {

/// Greater and lesser principal curvature (1/m) of what lies at `point` with the unit `normal` towards the viewer; positive where it
/// bulges towards him. Measured on the meshes at a scale of about 3 cm: six short rays fan out from above the point, each neighbour
/// gives the curvature of the circle through it and the point, and Euler's formula (do Carmo, Differential Geometry of Curves and
/// Surfaces, section 3-2) is fitted to the three directions. Both lie within 1 / Frame::kLeastRadius. Nothing when no neighbour is met.
std::optional<std::array<double, 2>> principal_curvatures(const RoomTracer& tracer, Vec3 point, Vec3 normal);

/// The byte of Frame::principal_curvature.
std::uint8_t quantized_curvature(double curvature);

}  // namespace affinis::scenes
