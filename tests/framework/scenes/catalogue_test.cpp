#include "framework/scenes/catalogue.h"

#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/scenes/furniture.h"

namespace affinis::scenes {
namespace {

using testing::HasSubstr;

constexpr const char* kProperties =
    "id=test\n"
    "name=Test furniture\n"
    "license=CC0\n"
    "# a comment\n"
    "id#1=Test#wedge\n"
    "name#1=Dressing table\n"
    "category#1=Bedroom\n"
    "model#1=/models/wedge.obj\n"
    "width#1=200\n"
    "depth#1=100\n"
    "height#1=50\n"
    "creator#1=Ren\\u00e9\n"
    "movable#1=true\n"
    "doorOrWindow#1=false\n"
    "name#2=Shelf\n"
    "category#2=Bedroom\n"
    "model#2=/models/missing.obj\n"
    "width#2=100\n"
    "depth#2=30\n"
    "height#2=30\n"
    "elevation#2=120\n"
    "name#3=Nothing\n"
    "model#3=/models/wedge.obj\n"
    "width#3=0\n"
    "depth#3=30\n"
    "height#3=30\n";

/// A wedge whose high side is at the back (z = 0 in the OBJ, whose front is +z); 2 x 1 x 4 units.
constexpr const char* kWedge =
    "mtllib wedge.mtl\n"
    "v 0 0 0\nv 2 0 0\nv 2 0 4\nv 0 0 4\nv 0 1 0\nv 2 1 0\n"
    "usemtl red\n"
    "f 1 2 3 4\n"
    "f 5 4 3 6\n"
    "usemtl glass\n"
    "f 1 5 6 2\n"
    "usemtl unknown\n"
    "f 1 4 5\nf 2 6 3\n";
constexpr const char* kMaterials = "newmtl red\nKd 1 0 0\nd 1\nnewmtl glass\nKd 0.5 0.5 0.5\nd 0.2\n";

class SmallCatalogue : public testing::Test {
 protected:
  void SetUp() override { write({{"PluginFurnitureCatalog.properties", kProperties}, {"models/wedge.obj", kWedge}, {"models/wedge.mtl", kMaterials}}); }

  std::filesystem::path path() const { return folder_.path() / "test.sh3f"; }
  void write(const std::vector<std::pair<std::string, std::string>>& files) const {
    int code = 0;
    zip_t* archive = zip_open(path().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    ASSERT_NE(archive, nullptr);
    for (const auto& [name, text] : files) {
      zip_source_t* source = zip_source_buffer(archive, text.data(), text.size(), 0);
      ASSERT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE), 0);
    }
    ASSERT_EQ(zip_close(archive), 0);
  }

  TemporaryFolder folder_;
};

/// The sentence of the Error that `action` throws; "" and a failure when it throws none.
std::string sentence_of(ErrorCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.sentence();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST_F(SmallCatalogue, ReadsEntries) {
  const auto entries = read_catalogue(path());
  ASSERT_EQ(entries.size(), 2u) << "an entry without width counts";
  EXPECT_EQ(entries[0].name, "Dressing table");
  EXPECT_EQ(entries[0].category, "Bedroom");
  EXPECT_EQ(entries[0].author, "Ren\xC3\xA9");
  EXPECT_EQ(entries[0].licence, "CC0");
  EXPECT_EQ(entries[0].collection, "Test furniture");
  EXPECT_EQ(entries[0].model, "models/wedge.obj");
  EXPECT_FLOAT_EQ(entries[0].size.x, 2);
  EXPECT_FLOAT_EQ(entries[0].size.y, 1);
  EXPECT_FLOAT_EQ(entries[0].size.z, 0.5f);
  EXPECT_FLOAT_EQ(entries[1].elevation, 1.2f);
}

TEST_F(SmallCatalogue, ModelsStandUprightInTheirSizeWithTheBackBehind) {
  const Mesh mesh = load_catalogue_mesh(read_catalogue(path())[0], 100, 64);
  const auto [low, high] = mesh.bounds();
  EXPECT_NEAR(low.x, -1, 1e-5);
  EXPECT_NEAR(high.x, 1, 1e-5);
  EXPECT_NEAR(low.y, -0.5, 1e-5);
  EXPECT_NEAR(high.y, 0.5, 1e-5);
  EXPECT_NEAR(low.z, 0, 1e-5);
  EXPECT_NEAR(high.z, 0.5, 1e-5);
  for (const Mesh::Vertex& vertex : mesh.vertices) {
    if (vertex.position.z > 0.25f) {
      EXPECT_NEAR(vertex.position.y, 0.5, 1e-5) << "the high side is in front";
    }
  }
  EXPECT_EQ(mesh.triangles.size(), 8u);
  EXPECT_GT(mesh.materials[0].tint.x, 5 * mesh.materials[0].tint.y);
  EXPECT_LT(mesh.materials[1].opacity, kGlass);
}

TEST_F(SmallCatalogue, ModelRotationComesBeforeTheSize) {
  CatalogueEntry entry = read_catalogue(path())[0];
  entry.rotation = {0, 0, 1, 0, 1, 0, -1, 0, 0};  // a quarter turn about the vertical
  const auto [low, high] = load_catalogue_mesh(entry, 100, 64).bounds();
  EXPECT_NEAR(high.x - low.x, 2, 1e-5);
  EXPECT_NEAR(high.y - low.y, 1, 1e-5);
}

TEST_F(SmallCatalogue, NamesTheMissingModel) {
  const CatalogueEntry entry = read_catalogue(path())[1];
  EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { load_catalogue_mesh(entry, 100, 64); }), HasSubstr("missing.obj"));
}

TEST_F(SmallCatalogue, RefusesModelsWithTooManyTriangles) {
  const CatalogueEntry entry = read_catalogue(path())[0];
  EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { load_catalogue_mesh(entry, 7, 64); }), HasSubstr("8 triangles"));
}

TEST_F(SmallCatalogue, RefusesATruncatedFile) {
  const std::string whole = read_file(path());
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, whole.size() / 2, whole.size() - 5}) {
    write_file_atomically(path(), std::string_view(whole).substr(0, size));
    EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { read_catalogue(path()); }), HasSubstr("test.sh3f")) << size;
  }
}

TEST_F(SmallCatalogue, RefusesAZipWithoutACatalogue) {
  write({{"readme.txt", "hello"}});
  EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { read_catalogue(path()); }), HasSubstr("PluginFurnitureCatalog.properties"));
}

TEST_F(SmallCatalogue, SurvivesNonsenseInModels) {
  for (const std::string& text : {std::string("f 1 2 3\n"), std::string("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 99\n"), std::string("v 1e39 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), std::string("\x00\x01\x02", 3)}) {
    write({{"PluginFurnitureCatalog.properties", kProperties}, {"models/wedge.obj", text}});
    const CatalogueEntry entry = read_catalogue(path())[0];
    EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { load_catalogue_mesh(entry, 100, 64); }), HasSubstr("wedge.obj")) << text;
  }
}

TEST_F(SmallCatalogue, RefusesADamagedTexture) {
  write({{"PluginFurnitureCatalog.properties", kProperties}, {"models/wedge.obj", kWedge}, {"models/wedge.mtl", "newmtl red\nmap_Kd skin.png\n"}, {"models/skin.png", "not a picture"}});
  const CatalogueEntry entry = read_catalogue(path())[0];
  EXPECT_THAT(sentence_of(ErrorCode::kFormat, [&] { load_catalogue_mesh(entry, 100, 64); }), HasSubstr("skin.png"));
}

TEST_F(SmallCatalogue, ServesRolesAndNamesAuthors) {
  const Device device;
  Patterns patterns;
  FurnitureStore store(device, patterns, read_catalogue(path()), 100, 64);
  RandomStream stream(1, "test");
  EXPECT_TRUE(store.attribution().empty()) << "nothing was used yet";
  const auto table = store.choose(Role::kDressingTable, stream);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->name, "Dressing table");
  EXPECT_EQ(table->semantic, Semantic::kTable);
  EXPECT_EQ(store.choose(Role::kDressingTable, stream), table) << "loaded twice";
  const auto narrow = store.choose(Role::kDressingTable, stream, {1.5f, 1, 2});
  ASSERT_NE(narrow, nullptr);
  EXPECT_EQ(narrow->name, "solid") << "the model is 2 m wide";
  EXPECT_EQ(store.choose(Role::kDressingTable, stream, {0.5f, 1, 2}), nullptr) << "nothing is that narrow";
  EXPECT_NE(store.choose(Role::kToilet, stream), nullptr) << "roles without an entry get solids";
  ASSERT_EQ(store.attribution().size(), 1u);
  EXPECT_THAT(store.attribution()[0], HasSubstr("Ren\xC3\xA9"));
  EXPECT_THAT(store.attribution()[0], HasSubstr("CC0"));
}

TEST(FurnitureStore, ASolidReplacesModelsThatCannotBeRead) {
  const Device device;
  Patterns patterns;
  CatalogueEntry broken;
  const TemporaryFolder folder;
  const auto path = folder.path() / "broken.sh3f";
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, &code);
  ASSERT_GE(zip_file_add(archive, "a.txt", zip_source_buffer(archive, "a", 1, 0), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
  broken.file = path;
  broken.name = "Toilets unit";
  broken.category = "Bathroom";
  broken.model = "missing.obj";
  broken.size = {0.4f, 0.7f, 0.8f};
  FurnitureStore store(device, patterns, {broken}, 1000, 64);
  RandomStream stream(1, "test");
  const auto toilet = store.choose(Role::kToilet, stream);
  ASSERT_NE(toilet, nullptr);
  EXPECT_EQ(toilet->name, "solid");
  EXPECT_TRUE(store.attribution().empty());
}

}  // namespace
}  // namespace affinis::scenes
