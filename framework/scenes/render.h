#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/options.h"

namespace affinis::scenes {

/// How rooms are furnished, seen and traced.
struct SceneOptions {
  std::int64_t image_side = 64;
  std::int64_t views_per_room = 8;
  std::int64_t views_per_point = 3;
  std::int64_t rooms_per_building = 5;
  std::int64_t seed = 0;
  std::string furniture = "auto";
  std::string catalogue;
  std::int64_t samples_per_pixel = 4;
  std::int64_t light_samples = 1;
  std::int64_t ambient_occlusion_samples = 2;
  std::int64_t max_triangles = 50000;

  static const std::vector<OptionField>& fields();
};

/// A pinhole camera. OpenCV frame: +x right, +y down, +z forward; the principal point is the image's centre.
struct Camera {
  std::array<double, 3> location{};  ///< metres, in the room's frame (z up, origin in a corner of the floor)
  /// Row-major rotation from room to camera: x_camera = rotation * (x_room - location).
  std::array<double, 9> rotation{};
  double fov = 1;  ///< horizontal and vertical, radians

  /// Focal length in pixels at `side` pixels: side / (2 tan(fov / 2)).
  double focal_length(double side) const;
};

/// One view of one room with every field; images are row-major, side x side.
struct Frame {
  std::int64_t building = 0;
  std::int64_t room = 0;  ///< within its building
  std::int64_t view = 0;
  std::int64_t side = 0;
  std::vector<std::uint8_t> rgb;               ///< [side, side, 3] sRGB
  std::vector<std::uint16_t> depth_zbuffer;    ///< 1/512 m along the optical axis; kInvalidDepth: nothing there
  std::vector<std::uint16_t> depth_euclidean;  ///< 1/512 m along the ray
  std::vector<std::uint8_t> normal;            ///< [side, side, 3] (n + 1) / 2 * 255 in the camera frame, towards the viewer; 128: invalid
  std::vector<std::uint8_t> reshading;         ///< a point light at the camera on white matter
  std::vector<std::uint8_t> semantic;          ///< index into semantic_vocabulary()
  std::vector<std::uint16_t> instance;         ///< numbers within the room; 0: outside the room
  std::vector<std::uint8_t> object;            ///< index into object_vocabulary(); kNoObject: the room itself, its windows and doors
  /// [side, side, 2] greater and lesser principal curvature, positive where the surface bulges towards the camera:
  /// 127 + 127 * kLeastRadius * curvature, clipped at a radius of kLeastRadius; kInvalidCurvature: no surface.
  std::vector<std::uint8_t> principal_curvature;
  Camera camera;
  std::array<double, 6> room_box{};  ///< least x, y, z, greatest x, y, z in the room's frame, metres
  std::int64_t room_class = 0;       ///< index into scene_vocabulary()
  /// [kPointRows, kPointColumns] points on the room's surfaces, the same rows in all of its views: x, y, z in the room's frame, pixel
  /// column and row in this view (pixel i covers [i, i + 1); 0 when not seen), 1 when it is seen and 0 when not.
  std::vector<float> points;
  std::int32_t fixation = 0;  ///< row of the point in the middle of the image
  std::int64_t rays = 0;      ///< traced for this frame; for benches

  static constexpr std::uint16_t kInvalidDepth = 65535;
  static constexpr std::uint8_t kInvalidNormal = 128;
  static constexpr std::uint8_t kNoObject = 255;
  static constexpr std::uint8_t kInvalidCurvature = 255;
  static constexpr double kLeastRadius = 0.03;  ///< metres
  static constexpr std::int64_t kPointRows = 64;
  static constexpr std::int64_t kPointColumns = 6;
};

/// "background", "wall", "floor", ...; position = label.
const std::vector<std::string>& semantic_vocabulary();
/// "bed", "nightstand", ..., "office chair", ...: what furniture is used as; position = label.
const std::vector<std::string>& object_vocabulary();
/// "bathroom", "bedroom", "kitchen", "living_room", "office"; position = label.
const std::vector<std::string>& scene_vocabulary();

struct RendererState;

/// Furnishes and traces rooms. What room r of building b looks like depends on the options and (b, r) alone; all member functions
/// are thread-safe, and models are loaded once and shared.
///
///     SceneRenderer renderer(options, logger);
///     for (const Frame& frame : renderer.render_room(0, 3)) ...
class SceneRenderer {
 public:
  /// Throws Error(kUsage) for options out of bounds, Error(kIo) when `furniture` is "catalogue" and there is none, Error(kFormat) when
  /// a catalogue file is damaged.
  SceneRenderer(const SceneOptions& options, Logger& logger);
  ~SceneRenderer();
  SceneRenderer(const SceneRenderer&) = delete;
  SceneRenderer& operator=(const SceneRenderer&) = delete;

  const SceneOptions& options() const;
  /// The furniture in use: "catalogue" or "parametric".
  const std::string& furniture() const;

  /// The room's views, views_per_room of them. They come in groups of about views_per_point that look at one point of a surface from
  /// different places, max(1, views_per_room / views_per_point) groups but no more than rows of Frame::points.
  std::vector<Frame> render_room(std::int64_t building, std::int64_t room) const;
  /// The vocabulary index of the room's class, without furnishing it.
  std::int64_t room_class(std::int64_t building, std::int64_t room) const;

  /// Name, author and licence of every catalogue model used up to now, one a line, sorted.
  std::string attribution() const;

  /// For benches: traces one primary ray a pixel of every view and no more; returns how many rays met something.
  std::int64_t count_primary_hits(std::int64_t building, std::int64_t room, std::int64_t repetitions) const;

 private:
  std::unique_ptr<RendererState> state_;
};

/// Folder with .sh3f files: `chosen` when not empty, else $AFFINIS_FURNITURE, else where the Debian package installs them; "" when
/// there is none.
std::string find_catalogue_folder(const std::string& chosen);

}  // namespace affinis::scenes
