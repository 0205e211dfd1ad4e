#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "framework/scenes/room.h"

namespace affinis::scenes {
namespace {

/// Clear of skirtings and of one another.
constexpr float kWallGap = 0.016f;
constexpr float kGap = 0.01f;

/// Angle of a piece whose front looks along `front`.
float facing(Vec2 front) { return std::atan2(front.x, -front.y); }

class Furnisher {
 public:
  using PiecePtr = std::shared_ptr<const Piece>;

  Furnisher(Room& room, const RoomContext& context, const std::vector<Footprint>& kept_free, RandomStream& stream) : room_(room), context_(context), free_(kept_free), stream_(stream) {
    for (const Object& object : room.objects) next_ = std::max(next_, static_cast<std::uint16_t>(object.instance + 1));
    for (const Object& object : room.objects) {
      if (object.support == Object::Support::kCeiling) free_.push_back(object.footprint);
    }
  }

  void run() {
    switch (room_.room_class) {
      case RoomClass::kBathroom: bathroom(); break;
      case RoomClass::kBedroom: bedroom(); break;
      case RoomClass::kKitchen: kitchen(); break;
      case RoomClass::kLivingRoom: living_room(); break;
      case RoomClass::kOffice: office(); break;
    }
  }

 private:
  float uniform(double low, double high) { return static_cast<float>(stream_.uniform(low, high)); }
  bool chance(double p) { return stream_.uniform() < p; }
  Space room_space() const { return {100, 100, room_.size.z - 0.05f}; }
  PiecePtr choose(Role role, Space space = {}, const std::string& collection = {}) {
    space.height = std::min(space.height, room_.size.z - 0.05f);
    return context_.furniture.choose(role, stream_, space, collection);
  }

  static Footprint footprint(const Piece& piece, Vec2 centre, float angle, float bottom) {
    return {centre, {piece.size.x / 2, piece.size.y / 2}, angle, bottom, bottom + piece.size.z};
  }

  bool inside(const Footprint& f) const {
    if (f.high > room_.size.z) return false;
    const auto corners = f.corners();
    return std::all_of(corners.begin(), corners.end(), [&](Vec2 c) { return c.x >= 0 && c.y >= 0 && c.x <= room_.size.x && c.y <= room_.size.y; });
  }

  bool is_free(const Footprint& f) const {
    if (!inside(f)) return false;
    for (const Footprint& other : free_) {
      if (f.overlaps(other)) return false;
    }
    for (const Object& object : room_.objects) {
      if (object.support != Object::Support::kStructure && f.overlaps(object.footprint)) return false;
    }
    return true;
  }

  /// Stands the piece there when nothing is in the way; returns its number in room_.objects.
  std::optional<std::size_t> put(const PiecePtr& piece, Vec2 centre, float angle, float bottom, Object::Support support) {
    if (!piece) return std::nullopt;
    const Footprint f = footprint(*piece, centre, angle, bottom);
    if (!is_free(f)) return std::nullopt;
    Object object;
    object.model = piece->model;
    object.placement = Placement::at({centre.x, centre.y, bottom}, angle);
    object.semantic = piece->semantic;
    object.instance = next_++;
    object.name = piece->name;
    object.role = piece->role;
    object.support = support;
    object.footprint = f;
    room_.objects.push_back(object);
    return room_.objects.size() - 1;
  }
  std::optional<std::size_t> stand(const PiecePtr& piece, Vec2 centre, float angle) { return put(piece, centre, angle, 0, Object::Support::kFloor); }

  /// Against wall `side` with its middle `t` along the wall; `bottom` < 0: at its natural height.
  std::optional<std::size_t> at_wall(const PiecePtr& piece, int side, float t, float bottom = -1, float gap = kWallGap) {
    if (!piece) return std::nullopt;
    const Wall wall = wall_of(room_, side);
    if (t - piece->size.x / 2 < 0 || t + piece->size.x / 2 > wall.length) return std::nullopt;
    const float z = bottom < 0 ? piece->elevation : bottom;
    const Vec2 centre = wall.start + wall.along * t + wall.inward * (piece->size.y / 2 + gap);
    return put(piece, centre, facing(wall.inward), z, z > 0 ? Object::Support::kWall : Object::Support::kFloor);
  }

  /// Tries walls in random order; corners first when `corner`.
  std::optional<std::size_t> somewhere_at_wall(const PiecePtr& piece, bool corner = false, float bottom = -1, int side = -1, float gap = kWallGap) {
    if (!piece) return std::nullopt;
    for (int attempt = 0; attempt < 48; ++attempt) {
      const int w = side >= 0 ? side : static_cast<int>(stream_.below(4));
      const float length = wall_of(room_, w).length, half = piece->size.x / 2;
      if (length < piece->size.x + 0.04f) continue;
      float t = uniform(half + 0.02, length - half - 0.02);
      if (corner && attempt < 32) t = chance(0.5) ? half + kWallGap + 0.005f : length - half - kWallGap - 0.005f;
      if (const auto placed = at_wall(piece, w, t, bottom, gap)) return placed;
    }
    return std::nullopt;
  }

  /// A flat thing on a wall (picture, mirror, clock) with its lower edge at `bottom`.
  std::optional<std::size_t> hang(Role role, float bottom, int side = -1, float t = -1, Space space = {}) {
    const PiecePtr piece = choose(role, space);
    if (!piece) return std::nullopt;
    if (t >= 0) return at_wall(piece, side, t, bottom, 0.002f);
    return somewhere_at_wall(piece, false, bottom, side, 0.002f);
  }
  void pictures(int count) {
    for (int i = 0; i < count; ++i) hang(Role::kPicture, uniform(1.3, 1.5));
  }

  /// Puts something of `role` on top of object `base` at (x, y) of its frame (fractions of its half width and half depth); it faces
  /// the base's front, turned by `turn`.
  bool on_top(std::size_t base, Role role, float x, float y, float turn = 0) {
    const Footprint under = room_.objects[base].footprint;
    const PiecePtr piece = choose(role, {under.half.x * 1.9f, under.half.y * 2.0f, 1.0f});
    return piece && on_top_piece(base, piece, x, y, turn);
  }
  bool on_top_piece(std::size_t base, const PiecePtr& piece, float x, float y, float turn) {
    const Object carrier = room_.objects[base];
    const Footprint& under = carrier.footprint;
    const float room_x = under.half.x - piece->size.x / 2 - 0.01f, room_y = under.half.y - piece->size.y / 2 - 0.01f;
    if (room_x < 0 || room_y < -0.02f) return false;
    const Vec3 local{std::clamp(x * under.half.x, -room_x, room_x), std::clamp(y * under.half.y, -std::max(0.0f, room_y), std::max(0.0f, room_y)), 0};
    // The top must be level under all of the thing.
    float least = 1e9f, greatest = -1e9f;
    for (const Vec2 d : {Vec2{0, 0}, Vec2{0.42f, 0.42f}, Vec2{-0.42f, 0.42f}, Vec2{0.42f, -0.42f}, Vec2{-0.42f, -0.42f}}) {
      const float h = carrier.model->height_at(local.x + d.x * piece->size.x, local.y + d.y * piece->size.y);
      least = std::min(least, h);
      greatest = std::max(greatest, h);
    }
    if (least < 0.25f || greatest - least > 0.012f) return false;
    const Vec3 where = carrier.placement.point({local.x, local.y, greatest});
    const Footprint f = footprint(*piece, {where.x, where.y}, under.angle + turn, where.z + 0.001f);
    if (!inside(f)) return false;
    for (std::size_t i = 0; i < room_.objects.size(); ++i) {
      const Object& other = room_.objects[i];
      if (i != base && other.support != Object::Support::kStructure && f.overlaps(other.footprint)) return false;
    }
    for (const Footprint& kept : free_) {
      if (f.low < kept.low - 0.05f && f.overlaps(kept)) return false;
    }
    Object object;
    object.model = piece->model;
    object.placement = Placement::at({where.x, where.y, where.z + 0.001f}, under.angle + turn);
    object.semantic = piece->semantic;
    object.instance = next_++;
    object.name = piece->name;
    object.role = piece->role;
    object.support = Object::Support::kTop;
    object.footprint = f;
    room_.objects.push_back(object);
    return true;
  }

  /// A rug lies under other furniture: it takes no space but must itself lie flat inside the room, clear of other rugs.
  void rug(Role role, Vec2 centre, float angle) {
    const PiecePtr piece = choose(role, {0.75f * room_.size.x, 0.75f * room_.size.y, 0.05f});
    if (!piece) return;
    Footprint f = footprint(*piece, centre, angle, 0);
    if (!inside(f)) return;
    for (const Object& object : room_.objects) {
      // What stands on a rug stands 1 cm in it: only thin rugs go under furniture, nothing else.
      if (object.semantic == Semantic::kRug && f.overlaps(object.footprint)) return;
    }
    Object object;
    object.model = piece->model;
    object.placement = Placement::at({centre.x, centre.y, 0.0f}, angle);
    object.semantic = Semantic::kRug;
    object.instance = next_++;
    object.name = piece->name;
    object.role = piece->role;
    object.support = Object::Support::kStructure;
    object.footprint = f;
    room_.objects.push_back(object);
  }

  /// Chairs around a table, each looking at it.
  void seats(std::size_t table, Role role, int count, float gap) {
    const Footprint base = room_.objects[table].footprint;
    const PiecePtr chair = choose(role);
    if (!chair) return;
    const Vec2 x{std::cos(base.angle), std::sin(base.angle)}, y{-x.y, x.x};
    const bool is_long = base.half.x > 0.62f;
    struct Seat {
      float u, v;   ///< along x and y, in half extents of the table
      Vec2 toward;  ///< direction from the chair to the table
    };
    std::vector<Seat> all;
    for (const float s : {-1.0f, 1.0f}) {
      if (is_long) {
        all.push_back({-0.5f, s, y * -s});
        all.push_back({0.5f, s, y * -s});
      } else {
        all.push_back({0, s, y * -s});
      }
    }
    all.push_back({-1, 0, x});
    all.push_back({1, 0, x * -1.0f});
    for (const Seat& seat : all) {
      if (count <= 0) break;
      const bool end = std::abs(seat.u) == 1;
      const float reach = (end ? base.half.x : base.half.y) + chair->size.y / 2 + gap + uniform(0, 0.08);
      Vec2 where = base.centre + (end ? x * (seat.u * reach) : x * (seat.u * base.half.x) + y * (seat.v * reach));
      if (stand(chair, where, facing(seat.toward) + uniform(-0.12, 0.12))) --count;
    }
  }

  /// In front of object `base`: distance `gap` from its front to the back of the piece, which looks at `look` (-1: back at it).
  std::optional<std::size_t> in_front(std::size_t base, const PiecePtr& piece, float gap, bool facing_it, float aside = 0) {
    if (!piece) return std::nullopt;
    const Footprint f = room_.objects[base].footprint;
    const Vec2 x{std::cos(f.angle), std::sin(f.angle)}, front{x.y, -x.x};
    const Vec2 centre = f.centre + front * (f.half.y + gap + piece->size.y / 2) + x * aside;
    return stand(piece, centre, facing(facing_it ? front * -1.0f : front));
  }

  void plants_and_lamps(int plants, double lamp) {
    for (int i = 0; i < plants; ++i) {
      const PiecePtr plant = choose(Role::kFloorPlant, {0.9f, 0.9f, 2.0f});
      somewhere_at_wall(plant, true, -1, -1, 0.04f);
    }
    if (chance(lamp)) somewhere_at_wall(choose(Role::kFloorLamp), true, -1, -1, 0.04f);
  }
  void radiator() {
    for (const Opening& window : room_.windows) {
      const PiecePtr piece = choose(Role::kRadiator, {window.right - window.left + 0.3f, 0.3f, window.low - 0.1f});
      if (piece && chance(0.6)) at_wall(piece, window.wall, (window.left + window.right) / 2);
    }
  }

  void bedroom() {
    // The bed's head is against a wall, with its foot in the room.
    std::optional<std::size_t> bed;
    int bed_wall = 0;
    float bed_middle = 0;
    for (int attempt = 0; attempt < 60 && !bed; ++attempt) {
      const bool double_bed = room_.size.x > 2.9f && room_.size.y > 2.9f && attempt < 30;
      const PiecePtr piece = choose(Role::kBed, {double_bed ? 2.1f : 1.5f, 2.3f, 1.4f});
      bed_wall = static_cast<int>(stream_.below(4));
      const float length = wall_of(room_, bed_wall).length;
      bed_middle = attempt < 40 ? length * uniform(0.42, 0.58) : uniform(0.8, length - 0.8);
      bed = at_wall(piece, bed_wall, bed_middle);
    }
    if (bed) {
      const Footprint f = room_.objects[*bed].footprint;
      const PiecePtr stand_piece = choose(Role::kNightstand);
      for (const float s : {-1.0f, 1.0f}) {
        if (!stand_piece) break;
        const auto table = at_wall(stand_piece, bed_wall, bed_middle + s * (f.half.x + stand_piece->size.x / 2 + 0.04f));
        if (!table) continue;
        if (chance(0.85)) on_top(*table, Role::kTableLamp, s * 0.1f, 0.25f);
        if (chance(0.4)) on_top(*table, Role::kDeskThing, -s * 0.5f, -0.4f);
      }
      hang(Role::kPicture, std::max(1.35f, f.high + 0.15f), bed_wall, bed_middle);
      const Wall wall = wall_of(room_, bed_wall);
      if (chance(0.6)) rug(Role::kRug, f.centre + wall.inward * uniform(0.5, 0.9), facing(wall.inward));
    }
    for (int attempt = 0; attempt < 5; ++attempt) {
      if (somewhere_at_wall(choose(Role::kWardrobe, {attempt < 2 ? 2.2f : 1.3f, 0.8f, 100}), true)) break;
    }
    radiator();
    const double extra = stream_.uniform();
    std::optional<std::size_t> base;
    if (extra < 0.4) {
      base = somewhere_at_wall(choose(Role::kDresser));
      if (base) {
        on_top(*base, Role::kVase, -0.6f, 0.2f);
        on_top(*base, chance(0.5) ? Role::kSmallPlant : Role::kBooks, 0.5f, 0.2f);
        const int wall = wall_behind(*base);
        hang(chance(0.5) ? Role::kMirror : Role::kPicture, 1.25f, wall, along_wall(wall, room_.objects[*base].footprint.centre));
      }
    } else if (extra < 0.65) {
      base = somewhere_at_wall(choose(Role::kDressingTable));
      if (base) in_front(*base, choose(Role::kDiningChair), 0.05f, true);
    } else {
      base = somewhere_at_wall(choose(Role::kDesk, {1.5f, 0.9f, 1.1f}));
      if (base) dress_desk(*base, false);
    }
    if (chance(0.5)) somewhere_at_wall(choose(Role::kArmchair), true, -1, -1, 0.05f);
    if (chance(0.35)) somewhere_at_wall(choose(Role::kBookcase, {1.1f, 0.45f, 2.2f}));
    if (chance(0.3)) somewhere_at_wall(choose(Role::kToy), false, -1, -1, 0.05f);
    plants_and_lamps(chance(0.6) ? 1 : 0, 0.35);
    pictures(1 + static_cast<int>(stream_.below(2)));
  }

  int wall_behind(std::size_t object) const {
    const Footprint& f = room_.objects[object].footprint;
    const float distance[4] = {f.centre.y, room_.size.x - f.centre.x, room_.size.y - f.centre.y, f.centre.x};
    return static_cast<int>(std::min_element(distance, distance + 4) - distance);
  }
  float along_wall(int side, Vec2 p) const {
    const Wall wall = wall_of(room_, side);
    return (p.x - wall.start.x) * wall.along.x + (p.y - wall.start.y) * wall.along.y;
  }

  void dress_desk(std::size_t desk, bool busy) {
    const float side = chance(0.5) ? 1.0f : -1.0f;
    if (!on_top(desk, Role::kComputer, 0, 0.1f)) on_top(desk, Role::kComputer, 0.3f, 0.3f);
    if (chance(0.75)) on_top(desk, Role::kDeskLamp, side * 0.75f, 0.45f);
    if (chance(busy ? 0.8 : 0.4)) on_top(desk, Role::kDeskThing, -side * 0.7f, uniform(-0.3, 0.3));
    if (busy && chance(0.5)) on_top(desk, Role::kBooks, -side * 0.72f, 0.6f);
    if (busy && chance(0.3)) on_top(desk, Role::kSmallPlant, side * 0.5f, 0.5f);
    const PiecePtr chair = choose(Role::kOfficeChair);
    in_front(desk, chair, uniform(0.02, 0.15), true, uniform(-0.15, 0.15));
    if (chance(0.5)) in_front(desk, choose(Role::kDustbin), -0.4f, false, side * (room_.objects[desk].footprint.half.x + 0.25f));
  }

  void office() {
    const bool centre = room_.size.x > 3.8f && room_.size.y > 3.6f && chance(0.35);
    std::optional<std::size_t> desk;
    if (centre) {
      // The desk stands free; who works there looks at the door side or at a window, with the back to a wall.
      const PiecePtr piece = choose(Role::kDesk, {1.8f, 1.0f, 1.1f});
      const float angle = kPi / 2 * static_cast<float>(stream_.below(4));
      desk = stand(piece, {room_.size.x * uniform(0.45, 0.55), room_.size.y * uniform(0.45, 0.55)}, angle);
      if (desk) dress_desk(*desk, true);
    }
    const int desks = desk ? 0 : 1 + static_cast<int>(stream_.below(room_.size.x * room_.size.y > 15 ? 3 : 2));
    for (int i = 0; i < std::max(desks, desk ? 0 : 1); ++i) {
      const auto placed = somewhere_at_wall(choose(Role::kDesk, {1.8f, 1.0f, 1.1f}), chance(0.4));
      if (placed) dress_desk(*placed, true);
    }
    radiator();
    const int cases = 1 + static_cast<int>(stream_.below(3));
    for (int i = 0; i < cases; ++i) somewhere_at_wall(choose(Role::kBookcase), true);
    const auto cabinet = somewhere_at_wall(choose(Role::kOfficeCabinet));
    if (cabinet && chance(0.7)) on_top(*cabinet, chance(0.6) ? Role::kPrinter : Role::kSmallPlant, 0, 0);
    if (chance(0.5)) somewhere_at_wall(choose(Role::kWaterCooler), false, -1, -1, 0.03f);
    if (chance(0.6)) hang(Role::kWhiteboard, 0.95f);
    if (chance(0.3)) somewhere_at_wall(choose(Role::kArmchair), true, -1, -1, 0.05f);
    plants_and_lamps(1 + static_cast<int>(stream_.below(2)), 0.2);
    if (chance(0.5)) hang(Role::kWallClock, 1.75f);
    pictures(static_cast<int>(stream_.below(3)));
  }

  void living_room() {
    // Sofa and television look at each other, with the coffee table between.
    std::optional<std::size_t> sofa;
    int sofa_wall = 0;
    for (int attempt = 0; attempt < 40 && !sofa; ++attempt) {
      const PiecePtr piece = choose(Role::kSofa);
      sofa_wall = static_cast<int>(stream_.below(4));
      const Wall wall = wall_of(room_, sofa_wall);
      const float depth_of_room = sofa_wall % 2 ? room_.size.x : room_.size.y;
      const bool away = depth_of_room > 4.6f && chance(0.3);
      sofa = piece ? at_wall(piece, sofa_wall, wall.length * uniform(0.38, 0.62), -1, away ? uniform(0.5, 0.9) : 0.03f) : std::nullopt;
    }
    if (sofa) {
      const Footprint f = room_.objects[*sofa].footprint;
      const Wall wall = wall_of(room_, sofa_wall);
      const auto table = in_front(*sofa, choose(Role::kCoffeeTable), uniform(0.35, 0.5), true);
      if (table) {
        on_top(*table, chance(0.5) ? Role::kVase : Role::kSmallPlant, uniform(-0.4, 0.4), 0);
        if (chance(0.6)) on_top(*table, Role::kTableware, 0.6f, 0.1f);
        if (chance(0.5)) on_top(*table, Role::kBooks, -0.7f, 0);
        if (chance(0.8)) rug(Role::kRug, room_.objects[*table].footprint.centre, facing(wall.inward));
      }
      // The television stands at the opposite wall.
      const int opposite = (sofa_wall + 2) % 4;
      const float t = along_wall(opposite, f.centre);
      for (int attempt = 0; attempt < 8; ++attempt) {
        const auto bench = at_wall(choose(Role::kTvStand), opposite, std::clamp(t + uniform(-0.6, 0.6), 0.8f, wall.length - 0.8f));
        if (!bench) continue;
        on_top(*bench, Role::kTv, 0, 0.1f);
        const float half = room_.objects[*bench].footprint.half.x;
        const PiecePtr speaker = choose(Role::kSpeaker);
        for (const float s : {-1.0f, 1.0f}) {
          if (speaker && chance(0.6)) at_wall(speaker, opposite, along_wall(opposite, room_.objects[*bench].footprint.centre) + s * (half + speaker->size.x / 2 + 0.08f), -1, 0.05f);
        }
        break;
      }
      // Armchairs at the coffee table's ends look inward.
      const PiecePtr chair = choose(Role::kArmchair);
      if (table && chair) {
        const Footprint low = room_.objects[*table].footprint;
        const Vec2 x{std::cos(low.angle), std::sin(low.angle)};
        for (const float s : {-1.0f, 1.0f}) {
          if (chance(0.65)) stand(chair, low.centre + x * (s * (low.half.x + chair->size.y / 2 + uniform(0.35, 0.55))), facing(x * -s) + uniform(-0.3, 0.3));
        }
      }
      for (const float s : {-1.0f, 1.0f}) {
        if (!chance(0.5)) continue;
        const auto side_table = at_wall(choose(Role::kNightstand), sofa_wall, along_wall(sofa_wall, f.centre) + s * (f.half.x + 0.35f), -1, 0.06f);
        if (side_table) on_top(*side_table, Role::kTableLamp, 0, 0);
      }
      hang(Role::kPicture, std::max(1.3f, f.high + 0.3f), sofa_wall, along_wall(sofa_wall, f.centre) + uniform(-0.3, 0.3));
    }
    if (chance(0.25)) somewhere_at_wall(choose(Role::kFireplace));
    if (room_.size.x * room_.size.y > 21 && chance(0.7)) dining_group(2 + static_cast<int>(stream_.below(3)));
    const int cases = 1 + static_cast<int>(stream_.below(2));
    for (int i = 0; i < cases; ++i) somewhere_at_wall(choose(Role::kBookcase), true);
    if (chance(0.25)) somewhere_at_wall(choose(Role::kPiano));
    const auto chest = chance(0.5) ? somewhere_at_wall(choose(Role::kDresser)) : std::nullopt;
    if (chest) {
      on_top(*chest, Role::kVase, 0.6f, 0);
      on_top(*chest, Role::kTableLamp, -0.6f, 0);
    }
    radiator();
    plants_and_lamps(1 + static_cast<int>(stream_.below(3)), 0.7);
    pictures(2 + static_cast<int>(stream_.below(2)));
    if (chance(0.3)) hang(Role::kWallClock, 1.75f);
  }

  bool dining_group(int chairs) {
    const PiecePtr table = choose(Role::kDiningTable, {room_.size.x - 1.4f, room_.size.y - 1.4f, 0.9f});
    if (!table) return false;
    for (int attempt = 0; attempt < 40; ++attempt) {
      const Vec2 where{uniform(0.25, 0.75) * room_.size.x, uniform(0.25, 0.75) * room_.size.y};
      const auto placed = stand(table, where, chance(0.5) ? 0 : kPi / 2);
      if (!placed) continue;
      seats(*placed, Role::kDiningChair, chairs, 0.04f);
      on_top(*placed, chance(0.5) ? Role::kVase : Role::kSmallPlant, 0, 0);
      for (const float u : {-0.55f, 0.55f}) {
        for (const float v : {-0.6f, 0.6f}) {
          if (chance(0.5)) on_top(*placed, Role::kTableware, u, v, v > 0 ? kPi : 0);
        }
      }
      return true;
    }
    return false;
  }

  void kitchen() {
    // A run of base cabinets along the longest stretch of wall that no door cuts.
    const PiecePtr base = choose(Role::kKitchenBase);
    const std::string style = base ? base->collection : std::string();
    const PiecePtr sink = choose(Role::kKitchenSink, {}, style);
    const PiecePtr upper = choose(Role::kKitchenUpper, {}, style);
    const PiecePtr fridge = choose(Role::kFridge);
    const PiecePtr stove = choose(Role::kStove);
    const PiecePtr hood = choose(Role::kHood);
    int best_wall = 0;
    std::vector<std::pair<std::size_t, float>> counters;  // object, middle along the wall
    std::array<int, 4> order{0, 1, 2, 3};
    stream_.shuffle(std::span<int>(order));
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return door_share(a) < door_share(b); });
    best_wall = order[0];
    const Wall wall = wall_of(room_, best_wall);
    // From the corner: tall fridge, then sink, stove and cabinets in turn until the wall ends.
    std::vector<PiecePtr> run{base, sink, base, stove, base, base, base, base, base};
    if (chance(0.5)) run = {base, stove, base, sink, base, base, base, base, base};
    float t = 0.02f;
    if (fridge) {
      if (const auto placed = at_wall(fridge, best_wall, t + fridge->size.x / 2)) t = t + fridge->size.x + 0.015f;
    }
    std::optional<float> stove_middle;
    for (const PiecePtr& piece : run) {
      if (!piece) continue;
      if (t + piece->size.x > wall.length - 0.01f) continue;
      const auto placed = at_wall(piece, best_wall, t + piece->size.x / 2, 0, 0.004f);
      if (!placed) {
        t += 0.1f;
        continue;
      }
      const float middle = t + piece->size.x / 2;
      if (piece == stove) stove_middle = middle;
      if (piece == base) counters.emplace_back(*placed, middle);
      t += piece->size.x + 0.003f;
    }
    if (!counters.empty()) splashback(best_wall, t);
    if (stove_middle && hood) at_wall(hood, best_wall, *stove_middle, std::max(1.5f, hood->elevation), 0.004f);
    if (upper) {
      for (float u = 0.02f + upper->size.x / 2; u < wall.length - upper->size.x / 2; u += upper->size.x + 0.004f) {
        if (u > t) break;
        if (!at_wall(upper, best_wall, u, 1.47f, 0.004f)) u -= upper->size.x - 0.1f;
      }
    }
    for (const auto& [counter, middle] : counters) {
      if (chance(0.75)) on_top(counter, Role::kCounterThing, uniform(-0.3, 0.3), 0.3f);
    }
    // A second run at a neighbouring wall where there is room.
    if (room_.size.x * room_.size.y > 12 && chance(0.6)) {
      const int second = order[1];
      for (int i = 0; i < 3; ++i) {
        const auto placed = somewhere_at_wall(base, false, 0, second, 0.004f);
        if (placed) on_top(*placed, Role::kCounterThing, 0, 0.3f);
      }
    }
    bool table = false;
    if (chance(0.85)) table = dining_group(2 + static_cast<int>(stream_.below(3)));
    if (!table) {
      const PiecePtr stool = choose(Role::kStool);
      for (int i = 0; i < 2; ++i) somewhere_at_wall(stool, false, -1, -1, 0.1f);
    }
    radiator();
    if (chance(0.4)) somewhere_at_wall(choose(Role::kWashingMachine));
    if (chance(0.5)) somewhere_at_wall(choose(Role::kDustbin), true, -1, -1, 0.05f);
    if (chance(0.5)) plants_and_lamps(1, 0);
    if (chance(0.6)) hang(Role::kWallClock, 1.75f);
    pictures(static_cast<int>(stream_.below(2)));
  }

  /// Tiles on the wall behind a run of cabinets that ends at `end`, below windows where there are any.
  void splashback(int side, float end) {
    constexpr std::uint32_t kTones[] = {0xf2f4f4, 0xdfe9ea, 0x9fc0c6, 0x8fa8bf, 0xd9cdb8, 0xa9c2a4, 0x6e8c9c};
    constexpr float kLow = 0.84f, kHigh = 1.475f, kThin = 0.002f, kMargin = 0.06f;
    Mesh mesh;
    const std::uint16_t tiles = mesh.add_material(context_.patterns.material(Pattern::kBricks, stream_.below(Patterns::kVariants), colour(kTones[stream_.below(std::size(kTones))]) * 1.1f));
    mesh.materials[tiles].shine = 0.12f;
    const Wall wall = wall_of(room_, side);
    std::vector<float> cuts{0, std::min(end, wall.length)};
    for (const Opening& window : room_.windows) {
      if (window.wall != side) continue;
      for (const float t : {window.left - kMargin, window.right + kMargin}) {
        if (t > 0 && t < end) cuts.push_back(t);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      const float middle = (cuts[i] + cuts[i + 1]) / 2;
      float top = kHigh;
      for (const Opening& window : room_.windows) {
        if (window.wall == side && middle > window.left - kMargin && middle < window.right + kMargin) top = std::min(top, window.low - 0.04f);
      }
      if (top <= kLow || cuts[i + 1] - cuts[i] < 1e-3f) continue;
      const Vec2 a = wall.start + wall.along * cuts[i] + wall.inward * kThin, b = wall.start + wall.along * cuts[i + 1] + wall.inward * kThin;
      mesh.add_quad({b.x, b.y, kLow}, {a.x, a.y, kLow}, {a.x, a.y, top}, {b.x, b.y, top}, tiles);
      const std::size_t first = mesh.vertices.size() - 4;
      const Vec2 uv[4] = {{cuts[i + 1], 0}, {cuts[i], 0}, {cuts[i], top - kLow}, {cuts[i + 1], top - kLow}};
      for (std::size_t k = 0; k < 4; ++k) mesh.vertices[first + k].uv = uv[k];
    }
    if (mesh.triangles.empty()) return;
    Object object;
    object.model = std::make_shared<const Model>(context_.device, std::move(mesh));
    object.semantic = Semantic::kWall;
    object.name = "splashback";
    room_.objects.push_back(std::move(object));
  }

  /// Penalty of a wall for a kitchen run: doors and low windows.
  float door_share(int side) const {
    const Wall wall = wall_of(room_, side);
    float blocked = 0;
    for (const Footprint& f : free_) {
      if (f.low > 0.95f) continue;
      const Vec2 corner_a = f.corners()[0], corner_b = f.corners()[2];
      const auto away = [&](Vec2 p) { return (p.x - wall.start.x) * wall.inward.x + (p.y - wall.start.y) * wall.inward.y; };
      if (std::min(away(corner_a), away(corner_b)) < 0.65f) blocked += f.low < 0.1f ? 1.0f : 0.4f;
    }
    return blocked - 0.15f * wall.length;
  }

  void bathroom() {
    // The largest first.
    const bool tub = chance(0.6);
    std::optional<std::size_t> wet;
    if (tub) wet = somewhere_at_wall(choose(Role::kBathtub, {std::max(room_.size.x, room_.size.y) - 0.1f, 1.0f, 1.2f}), true);
    if (!wet) wet = somewhere_at_wall(choose(Role::kShower), true);
    std::optional<std::size_t> basin;
    for (int attempt = 0; attempt < 4 && !basin; ++attempt) basin = somewhere_at_wall(choose(Role::kWashbasin, {1.2f, 0.8f, 2.1f}), false, -1, -1, 0.004f);
    if (basin) {
      const Footprint f = room_.objects[*basin].footprint;
      const int wall = wall_behind(*basin);
      if (f.high < 1.2f) hang(Role::kMirror, std::max(1.08f, f.high + 0.1f), wall, along_wall(wall, f.centre), {1.0f, 1.0f, room_.size.z - 1.3f});
      on_top(*basin, Role::kBathThing, 0.75f, 0.5f);
      if (chance(0.6)) {
        const Vec2 x{std::cos(f.angle), std::sin(f.angle)};
        rug(Role::kBathMat, f.centre + Vec2{x.y, -x.x} * (f.half.y + 0.35f), f.angle);
      }
    }
    std::optional<std::size_t> toilet;
    for (int attempt = 0; attempt < 6 && !toilet; ++attempt) toilet = somewhere_at_wall(choose(Role::kToilet), false, -1, -1, 0.004f);
    if (toilet) {
      const Footprint f = room_.objects[*toilet].footprint;
      const int wall = wall_behind(*toilet);
      const PiecePtr brush = choose(Role::kToiletBrush);
      if (brush) at_wall(brush, wall, along_wall(wall, f.centre) + (chance(0.5) ? 1.0f : -1.0f) * (f.half.x + 0.15f), 0, 0.05f);
    }
    if (chance(0.5)) {
      const auto washer = somewhere_at_wall(choose(Role::kWashingMachine));
      if (washer) on_top(*washer, Role::kBathThing, 0.3f, 0.2f);
    }
    if (chance(0.7)) somewhere_at_wall(choose(Role::kTowelRack, {0.7f, 0.3f, 1.6f}), false, -1, -1, 0.004f);
    if (chance(0.5)) somewhere_at_wall(choose(Role::kLaundryBasket), true, -1, -1, 0.03f);
    if (chance(0.4)) somewhere_at_wall(choose(Role::kFloorPlant, {0.6f, 0.6f, 1.3f}), true, -1, -1, 0.03f);
    if (chance(0.4)) hang(Role::kPicture, 1.45f);
  }

  Room& room_;
  const RoomContext& context_;
  std::vector<Footprint> free_;
  RandomStream& stream_;
  std::uint16_t next_ = 1;
};

}  // namespace

void furnish(Room& room, const RoomContext& context, const std::vector<Footprint>& kept_free, RandomStream& stream) { Furnisher(room, context, kept_free, stream).run(); }

}  // namespace affinis::scenes
