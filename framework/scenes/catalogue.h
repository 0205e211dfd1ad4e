#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/scenes/model.h"

namespace affinis::scenes {

/// One piece of furniture of a Sweet Home 3D catalogue, not yet loaded.
struct CatalogueEntry {
  std::filesystem::path file;  ///< the .sh3f
  std::string id;
  std::string name;      ///< English
  std::string category;  ///< "Bedroom"
  std::string author;
  std::string licence;
  std::string collection;  ///< the catalogue's name
  std::string model;       ///< path of the OBJ within the file
  Vec3 size;               ///< width (x), depth (y), height (z), metres
  float elevation = 0;     ///< of the bottom above the floor, metres
  std::array<float, 9> rotation{1, 0, 0, 0, 1, 0, 0, 0, 1};  ///< of the OBJ before it is measured, row-major
  bool door_or_window = false;
};

/// Reads the property catalogue of one .sh3f file (a zip with PluginFurnitureCatalog.properties). Entries without a model or with a
/// size that is not positive are left out. Throws Error(kIo) when the file cannot be opened, Error(kFormat) when it is no such file.
std::vector<CatalogueEntry> read_catalogue(const std::filesystem::path& file);

/// Every .sh3f of a folder, sorted by file name; throws Error(kIo) when there is none.
std::vector<CatalogueEntry> read_catalogue_folder(const std::filesystem::path& folder);

/// Loads OBJ, MTL and textures, turned, scaled to the entry's size and standing on the ground. Textures are shrunk to
/// `max_texture_side`. Throws Error(kFormat) that names file and model when they are missing, damaged, without triangles, or with
/// more than `max_triangles`.
Mesh load_catalogue_mesh(const CatalogueEntry& entry, std::int64_t max_triangles, int max_texture_side);

}  // namespace affinis::scenes
