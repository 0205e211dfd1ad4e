#include "framework/scenes/vocabulary.h"

#include "framework/scenes/render.h"

namespace affinis::scenes {

const std::vector<std::string>& semantic_vocabulary() {
  static const std::vector<std::string> names = {
      "background", "wall",   "floor", "ceiling",   "window",      "door",  "bed",     "chair", "sofa",    "table",    "cabinet",  "shelves",
      "lamp",       "toilet", "sink",  "bath",      "appliance",   "electronics", "plant",   "picture", "rug", "curtain", "radiator", "object"};
  return names;
}

const std::vector<std::string>& scene_vocabulary() {
  static const std::vector<std::string> names = {"bathroom", "bedroom", "kitchen", "living_room", "office"};
  return names;
}

}  // namespace affinis::scenes
