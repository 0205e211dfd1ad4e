#include "framework/scenes/vocabulary.h"

#include "framework/core/error.h"
#include "framework/scenes/furniture.h"
#include "framework/scenes/render.h"

namespace affinis::scenes {

const std::vector<std::string>& semantic_vocabulary() {
  static const std::vector<std::string> names = {
      "background", "wall",   "floor", "ceiling",   "window",      "door",  "bed",     "chair", "sofa",    "table",    "cabinet",  "shelves",
      "lamp",       "toilet", "sink",  "bath",      "appliance",   "electronics", "plant",   "picture", "rug", "curtain", "radiator", "object"};
  return names;
}

const std::vector<std::string>& object_vocabulary() {
  // In the order of Role.
  static const std::vector<std::string> names = {
      "bed", "nightstand", "wardrobe", "dresser", "dressing table", "desk", "office chair", "sofa", "armchair",
      "coffee table", "television", "television stand", "dining table", "dining chair", "bookcase", "floor plant",
      "potted plant", "vase", "table lamp", "floor lamp", "desk lamp", "computer", "printer", "desk accessory",
      "office cabinet", "water cooler", "whiteboard", "dustbin", "toilet", "washbasin", "bathtub", "shower",
      "washing machine", "towel rack", "laundry basket", "bath mat", "radiator", "bathroom accessory", "toilet brush",
      "kitchen base cabinet", "kitchen sink", "stove", "refrigerator", "kitchen wall cabinet", "cooker hood",
      "kitchen utensil", "tableware", "stool", "rug", "picture", "mirror", "books", "piano", "fireplace", "toy",
      "speaker", "hanging lamp", "wall clock"};
  AFFINIS_ASSERT(names.size() == static_cast<std::size_t>(kRoles));
  return names;
}

const std::vector<std::string>& scene_vocabulary() {
  static const std::vector<std::string> names = {"bathroom", "bedroom", "kitchen", "living_room", "office"};
  return names;
}

}  // namespace affinis::scenes
