#include "framework/scenes/catalogue.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#define TINYOBJLOADER_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <tiny_obj_loader.h>
#pragma GCC diagnostic pop
#include <zip.h>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::scenes {
namespace {

constexpr const char* kProperties = "PluginFurnitureCatalog.properties";
/// Far above the largest entry of the known catalogues; a damaged directory must not make us allocate terabytes.
constexpr std::uint64_t kLargestEntry = 256u << 20;

struct ZipCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct ZipFileCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) : path_(path) {
    AFFINIS_CHECK(std::filesystem::is_regular_file(path), ErrorCode::kIo, "there is no furniture catalogue {}", path.string());
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    AFFINIS_CHECK(archive_ != nullptr, ErrorCode::kFormat, "the furniture catalogue {} is not a whole zip file; bring it again", path.string());
  }

  /// The entry's bytes; nothing when it is not there. Throws Error(kFormat) when it is damaged.
  std::optional<std::string> read(const std::string& name) const {
    zip_stat_t about;
    zip_stat_init(&about);
    if (zip_stat(archive_.get(), name.c_str(), 0, &about) != 0 || !(about.valid & ZIP_STAT_SIZE)) return std::nullopt;
    AFFINIS_CHECK(about.size <= kLargestEntry, ErrorCode::kFormat, "{} in the furniture catalogue {} claims {} bytes; bring the catalogue again", name, path_.string(), about.size);
    const std::unique_ptr<zip_file_t, ZipFileCloser> file(zip_fopen(archive_.get(), name.c_str(), 0));
    std::string bytes(static_cast<std::size_t>(about.size), '\0');
    const bool whole = file != nullptr && zip_fread(file.get(), bytes.data(), about.size) == static_cast<zip_int64_t>(about.size);
    AFFINIS_CHECK(whole, ErrorCode::kFormat, "{} in the furniture catalogue {} is damaged; bring the catalogue again", name, path_.string());
    return bytes;
  }

 private:
  std::filesystem::path path_;
  std::unique_ptr<zip_t, ZipCloser> archive_;
};

void append_utf8(std::string& text, unsigned code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 63));
  } else {
    text += static_cast<char>(0xE0 | (code >> 12));
    text += static_cast<char>(0x80 | ((code >> 6) & 63));
    text += static_cast<char>(0x80 | (code & 63));
  }
}

/// A Java properties file (ISO 8859-1, \uXXXX) as UTF-8.
std::map<std::string, std::string> parse_properties(const std::string& text) {
  std::map<std::string, std::string> values;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const auto equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string::npos) continue;
    std::string value;
    for (std::size_t i = equals + 1; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 5 < line.size() && line[i + 1] == 'u') {
        append_utf8(value, static_cast<unsigned>(std::strtoul(line.substr(i + 2, 4).c_str(), nullptr, 16)));
        i += 5;
      } else {
        append_utf8(value, static_cast<unsigned char>(line[i]));
      }
    }
    values[trim(line.substr(0, equals))] = trim(value);
  }
  return values;
}

std::string without_leading_slash(std::string path) {
  path.erase(0, path.find_first_not_of('/'));
  return path;
}

/// Finds MTL files and textures beside the OBJ.
class MaterialReader : public tinyobj::MaterialReader {
 public:
  MaterialReader(const Archive& archive, std::string folder) : archive_(archive), folder_(std::move(folder)) {}
  bool operator()(const std::string& name, std::vector<tinyobj::material_t>* materials, std::map<std::string, int>* by_name, std::string* warning,
                  std::string* error) override {
    const auto text = archive_.read(folder_ + name);
    if (!text) return false;
    std::istringstream stream(*text);
    tinyobj::LoadMtl(by_name, materials, &stream, warning, error);
    return true;
  }

 private:
  const Archive& archive_;
  std::string folder_;
};

Material convert(const tinyobj::material_t& source, const Archive& archive, const std::string& folder, int max_texture_side,
                 std::map<std::string, std::shared_ptr<const Texture>>& textures) {
  Material material;
  const auto channel = [](float v) { return std::clamp(v, 0.0f, 1.0f); };
  // Authors picked these by eye on a screen: take them as sRGB.
  const auto linear = [&](float v) { return srgb_to_linear(static_cast<std::uint8_t>(channel(v) * 255 + 0.5f)); };
  material.tint = {linear(source.diffuse[0]), linear(source.diffuse[1]), linear(source.diffuse[2])};
  material.opacity = channel(source.dissolve);
  const float specular = (channel(source.specular[0]) + channel(source.specular[1]) + channel(source.specular[2])) / 3;
  material.shine = source.illum >= 2 ? 0.35f * specular : 0;
  material.gloss = std::clamp(source.shininess, 5.0f, 200.0f);
  if (!source.diffuse_texname.empty()) {
    std::string name = source.diffuse_texname;
    std::replace(name.begin(), name.end(), '\\', '/');
    auto& texture = textures[name];
    if (!texture) {
      const auto bytes = archive.read(folder + name);
      if (bytes) texture = std::make_shared<const Texture>(Texture::decode(std::as_bytes(std::span(bytes->data(), bytes->size())), max_texture_side, folder + name));
    }
    material.texture = texture;
    // Sweet Home 3D shows a texture as it is, whatever Kd says.
    if (texture) material.tint = {0.9f, 0.9f, 0.9f};
  }
  // Panes are modelled in strong colours so that they show in a planner; in a room they are nearly clear.
  if (material.opacity < kGlass) {
    material.tint = lerp(material.tint, Vec3{0.75f, 0.85f, 0.85f}, 0.75f);
    material.opacity = std::min(material.opacity, 0.3f);
  }
  // Nothing in a room reflects all light or none; the extremes make pictures that look cut out.
  const float top = std::max({material.tint.x, material.tint.y, material.tint.z});
  if (top > 0.85f) material.tint = material.tint * (0.85f / top);
  if (!material.texture) {
    const float grey = luminance(material.tint);
    material.tint = max(lerp(material.tint, {grey, grey, grey}, 0.15f), {0.012f, 0.012f, 0.012f});
  }
  return material;
}

}  // namespace

std::vector<CatalogueEntry> read_catalogue(const std::filesystem::path& file) {
  const Archive archive(file);
  const auto text = archive.read(kProperties);
  AFFINIS_CHECK(text.has_value(), ErrorCode::kFormat, "{} holds no {}; is it a Sweet Home 3D furniture library?", file.string(), kProperties);
  const auto values = parse_properties(*text);
  const auto value = [&](const std::string& key) {
    const auto it = values.find(key);
    return it == values.end() ? std::string() : it->second;
  };
  std::vector<CatalogueEntry> entries;
  for (int i = 1; values.contains(fmt::format("name#{}", i)); ++i) {
    const auto own = [&](const char* key) { return value(fmt::format("{}#{}", key, i)); };
    const auto metres = [&](const char* key) { return static_cast<float>(parse_real(own(key)).value_or(0) / 100); };
    CatalogueEntry entry;
    entry.file = file;
    entry.id = own("id");
    entry.name = own("name");
    entry.category = own("category");
    entry.author = own("creator");
    entry.licence = value("license");
    entry.collection = value("name");
    entry.model = without_leading_slash(own("model"));
    entry.size = {metres("width"), metres("depth"), metres("height")};
    entry.elevation = metres("elevation");
    entry.door_or_window = own("doorOrWindow") == "true";
    const std::vector<std::string> rotation = split(own("modelRotation"), ' ');
    if (rotation.size() == 9) {
      for (std::size_t k = 0; k < 9; ++k) entry.rotation[k] = static_cast<float>(parse_real(rotation[k]).value_or(0));
    }
    constexpr float kLargest = 30;
    const bool sized = entry.size.x > 0 && entry.size.y > 0 && entry.size.z > 0 && std::max({entry.size.x, entry.size.y, entry.size.z}) < kLargest;
    if (sized && !entry.model.empty() && entry.elevation >= 0) entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<CatalogueEntry> read_catalogue_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    if (item.path().extension() == ".sh3f") files.push_back(item.path());
  }
  AFFINIS_CHECK(!files.empty(), ErrorCode::kIo,
                "there is no .sh3f furniture catalogue in '{}'; install the package sweethome3d-furniture, name a folder, or use furniture = parametric", folder.string());
  std::sort(files.begin(), files.end());
  std::vector<CatalogueEntry> entries;
  for (const auto& file : files) {
    auto more = read_catalogue(file);
    entries.insert(entries.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return entries;
}

Mesh load_catalogue_mesh(const CatalogueEntry& entry, std::int64_t max_triangles, int max_texture_side) {
  const Archive archive(entry.file);
  const auto text = archive.read(entry.model);
  AFFINIS_CHECK(text.has_value(), ErrorCode::kFormat, "the furniture catalogue {} has no {}, which its entry '{}' names", entry.file.string(), entry.model, entry.name);
  const std::string folder = entry.model.substr(0, entry.model.rfind('/') + 1);

  tinyobj::attrib_t attributes;
  std::vector<tinyobj::shape_t> shapes;
  std::vector<tinyobj::material_t> materials;
  std::string warning, error;
  std::istringstream stream(*text);
  MaterialReader reader(archive, folder);
  const bool loaded = tinyobj::LoadObj(&attributes, &shapes, &materials, &warning, &error, &stream, &reader, true, true);
  AFFINIS_CHECK(loaded, ErrorCode::kFormat, "{} in {} is not an OBJ model", entry.model, entry.file.string());

  std::size_t count = 0;
  for (const auto& shape : shapes) count += shape.mesh.num_face_vertices.size();
  AFFINIS_CHECK(count > 0 && count <= static_cast<std::size_t>(max_triangles), ErrorCode::kFormat, "{} in {} has {} triangles instead of 1 to {}", entry.model, entry.file.string(), count,
                max_triangles);

  Mesh mesh;
  std::map<std::string, std::shared_ptr<const Texture>> textures;
  for (const auto& material : materials) mesh.add_material(convert(material, archive, folder, max_texture_side, textures));
  const std::uint16_t plain = mesh.add_material({});

  // Sweet Home 3D: x along the width, y up, z to the front. Ours: z up, front towards -y.
  const auto& r = entry.rotation;
  const auto turned = [&](float x, float y, float z) {
    const Vec3 v{r[0] * x + r[1] * y + r[2] * z, r[3] * x + r[4] * y + r[5] * z, r[6] * x + r[7] * y + r[8] * z};
    return Vec3{v.x, -v.z, v.y};
  };
  std::map<std::array<int, 3>, std::uint32_t> known;
  const int positions = static_cast<int>(attributes.vertices.size() / 3), normals = static_cast<int>(attributes.normals.size() / 3),
            uvs = static_cast<int>(attributes.texcoords.size() / 2);
  for (const auto& shape : shapes) {
    for (std::size_t face = 0; face < shape.mesh.num_face_vertices.size(); ++face) {
      if (shape.mesh.num_face_vertices[face] != 3) continue;
      std::array<std::uint32_t, 3> corner{};
      bool valid = true;
      for (std::size_t k = 0; k < 3; ++k) {
        const tinyobj::index_t index = shape.mesh.indices[3 * face + k];
        if (index.vertex_index < 0 || index.vertex_index >= positions) {
          valid = false;
          break;
        }
        const auto [it, fresh] = known.try_emplace({index.vertex_index, index.normal_index, index.texcoord_index}, static_cast<std::uint32_t>(mesh.vertices.size()));
        if (fresh) {
          Mesh::Vertex vertex;
          const float* p = &attributes.vertices[3 * static_cast<std::size_t>(index.vertex_index)];
          vertex.position = turned(p[0], p[1], p[2]);
          if (index.normal_index >= 0 && index.normal_index < normals) {
            const float* n = &attributes.normals[3 * static_cast<std::size_t>(index.normal_index)];
            vertex.normal = turned(n[0], n[1], n[2]);
          } else {
            vertex.normal = {0, 0, 0};
          }
          if (index.texcoord_index >= 0 && index.texcoord_index < uvs) {
            const float* t = &attributes.texcoords[2 * static_cast<std::size_t>(index.texcoord_index)];
            vertex.uv = {t[0], t[1]};
          }
          mesh.vertices.push_back(vertex);
        }
        corner[k] = it->second;
      }
      if (!valid) continue;
      const int material = face < shape.mesh.material_ids.size() ? shape.mesh.material_ids[face] : -1;
      mesh.triangles.push_back(corner);
      mesh.triangle_material.push_back(material >= 0 && material < static_cast<int>(plain) ? static_cast<std::uint16_t>(material) : plain);
    }
  }
  AFFINIS_CHECK(!mesh.triangles.empty(), ErrorCode::kFormat, "{} in {} has no valid triangle", entry.model, entry.file.string());

  const auto [low, high] = mesh.bounds();
  const Vec3 extent = high - low;
  const bool finite = std::all_of(mesh.vertices.begin(), mesh.vertices.end(), [](const Mesh::Vertex& v) { return std::isfinite(v.position.x) && std::isfinite(v.position.y) && std::isfinite(v.position.z); });
  AFFINIS_CHECK(finite && length(extent) > 0, ErrorCode::kFormat, "{} in {} has no extent, or vertices that are not finite", entry.model, entry.file.string());
  const auto ratio = [](float wanted, float is) { return is > 1e-9f ? wanted / is : 1; };
  const Vec3 scale{ratio(entry.size.x, extent.x), ratio(entry.size.y, extent.y), ratio(entry.size.z, extent.z)};
  const Vec3 foot{(low.x + high.x) / 2, (low.y + high.y) / 2, low.z};
  for (auto& vertex : mesh.vertices) {
    vertex.position = (vertex.position - foot) * scale;
    // Normals go with the inverse of the scale.
    vertex.normal = {vertex.normal.x / scale.x, vertex.normal.y / scale.y, vertex.normal.z / scale.z};
    const float l = length(vertex.normal);
    vertex.normal = l > 0 ? vertex.normal * (1 / l) : Vec3{};
  }
  return mesh;
}

}  // namespace affinis::scenes
