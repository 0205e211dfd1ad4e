#include "framework/scenes/curvature.h"

#include <algorithm>
#include <cmath>

namespace affinis::scenes {
namespace {

constexpr double kGreatest = 1 / Frame::kLeastRadius;
/// How far from the point its neighbours lie, and how high above it the fan starts: steep enough to meet what bends away, and slanted,
/// so that it meets the other wall of a corner.
constexpr float kAside = 0.03f, kAbove = 0.04f;
/// Below the tangent plane a greater drop than kAside is no curvature of 1 / kLeastRadius but an edge with air behind it.
constexpr float kDeepest = 1 + kAside / kAbove;
/// How far below the tangent plane one looks back at such an edge.
constexpr float kBelow = 0.015f;

constexpr std::size_t kDirections = 6;

/// A neighbour: how far away across the normal, and how far below the tangent plane.
struct Neighbour {
  bool met = false;
  double aside = 0, drop = 0;
};

/// Curvature of the normal section through the neighbour: of the surface 2 drop = curvature * aside^2 + across * drop^2, which is a
/// sphere for across = curvature and a cylinder for across = 1 / radius.
double section(const Neighbour& n, double across) {
  const double square = std::max(1e-8, n.aside * n.aside);
  return std::clamp((2 * n.drop - across * n.drop * n.drop) / square, -kGreatest, kGreatest);
}

std::array<double, 2> principal(double a, double b, double c) {
  const double mean = (a + c) / 2, spread = std::hypot((a - c) / 2, b);
  return {mean + spread, mean - spread};
}

/// Solves Euler's formula k(t) = a cos^2 t + 2 b cos t sin t + c sin^2 t for t = 0, 60 and 120 degrees; a direction that is missing is
/// taken as the mean of the others.
std::array<double, 2> euler(const std::array<std::optional<double>, 3>& sections) {
  double sum = 0, count = 0;
  for (const auto& k : sections) {
    if (k) sum += *k, count += 1;
  }
  const auto k = [&](std::size_t i) { return sections[i].value_or(sum / count); };
  const double a = k(0), c = (2 * (k(1) + k(2)) - k(0)) / 3, b = (k(1) - k(2)) / std::sqrt(3.0);
  return principal(a, b, c);
}

}  // namespace

std::optional<std::array<double, 2>> principal_curvatures(const RoomTracer& tracer, Vec3 point, Vec3 normal) {
  Vec3 u, v;
  tangents(normal, u, v);
  std::array<Vec3, kDirections> aside, origins, ways;
  std::array<float, kDirections> reached;
  std::array<Neighbour, kDirections> neighbours;
  // Opposite directions are neighbours in the list.
  constexpr float kHalf = 0.5f, kSine = 0.8660254f;
  const std::array<Vec3, 3> turns = {u, u * kHalf + v * kSine, v * kSine - u * kHalf};
  for (std::size_t i = 0; i < kDirections; ++i) {
    aside[i] = turns[i / 2] * (i % 2 == 0 ? 1.0f : -1.0f);
    origins[i] = point + normal * kAbove;
    ways[i] = aside[i] * kAside - normal * kAbove;
  }
  tracer.distances(origins, ways, kDeepest, reached);
  bool edge = false;
  for (std::size_t i = 0; i < kDirections; ++i) {
    neighbours[i] = {reached[i] < kDeepest, static_cast<double>(reached[i] * kAside), static_cast<double>((reached[i] - 1) * kAbove)};
    edge = edge || !neighbours[i].met;
  }
  if (edge) {
    // Where the surface bends away at once, its other side is met from outside, a little below.
    for (std::size_t i = 0; i < kDirections; ++i) {
      origins[i] = point + aside[i] * (2 * kAside) - normal * kBelow;
      ways[i] = neighbours[i].met ? Vec3{} : -aside[i];
    }
    tracer.distances(origins, ways, 2 * kAside, reached);
    for (std::size_t i = 0; i < kDirections; ++i) {
      if (!neighbours[i].met && reached[i] < 2 * kAside) neighbours[i] = {true, static_cast<double>(2 * kAside - reached[i]), static_cast<double>(kBelow)};
    }
  }
  // The curvature along the normal is not known beforehand; it converges fast as the drops are small.
  constexpr int kRounds = 3;
  std::array<double, 2> found{};
  for (int round = 0; round <= kRounds; ++round) {
    const double across = std::abs(found[0]) > std::abs(found[1]) ? found[0] : found[1];
    std::array<std::optional<double>, 3> sections;
    bool any = false;
    for (std::size_t pair = 0; pair < 3; ++pair) {
      double sum = 0, count = 0;
      for (std::size_t i = 2 * pair; i < 2 * pair + 2; ++i) {
        const Neighbour& n = neighbours[i];
        if (!n.met) continue;
        // At first as on a sphere through both points.
        const double round_k = 2 * n.drop / std::max(1e-8, n.aside * n.aside + n.drop * n.drop);
        sum += round == 0 ? std::clamp(round_k, -kGreatest, kGreatest) : section(n, across);
        count += 1;
      }
      // The mean of opposite directions does not feel a normal that is slightly off.
      if (count > 0) sections[pair] = sum / count;
      any = any || count > 0;
    }
    if (!any) return std::nullopt;
    found = euler(sections);
    for (double& k : found) k = std::clamp(k, -kGreatest, kGreatest);
  }
  return found;
}

std::uint8_t quantized_curvature(double curvature) {
  return static_cast<std::uint8_t>(std::lround(127 + std::clamp(curvature * Frame::kLeastRadius, -1.0, 1.0) * 127));
}

}  // namespace affinis::scenes
