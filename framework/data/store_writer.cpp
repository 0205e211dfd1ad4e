#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <hdf5.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/data/codec.h"
#include "framework/data/hdf5_handle.h"
#include "framework/data/store.h"
#include "framework/data/store_layout.h"

namespace affinis::data {
namespace {

using hdf5::Handle;

hid_t disk_type(ElementType type) {
  switch (type) {
    case ElementType::kU8: return H5T_STD_U8LE;
    case ElementType::kU16: return H5T_STD_U16LE;
    case ElementType::kI32: return H5T_STD_I32LE;
    case ElementType::kF32: return H5T_IEEE_F32LE;
    case ElementType::kF64: return H5T_IEEE_F64LE;
  }
  return -1;
}

Handle string_type(std::size_t length) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(length, 1));
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  return type;
}

layout::FixedStrings fixed_strings(const std::vector<std::string>& values) {
  layout::FixedStrings fixed;
  for (const std::string& value : values) fixed.length = std::max(fixed.length, value.size());
  fixed.characters.resize(fixed.length * values.size());
  for (std::size_t i = 0; i < values.size(); ++i) std::copy(values[i].begin(), values[i].end(), fixed.characters.begin() + i * fixed.length);
  return fixed;
}

/// Chunks in which the field's dataset grows: one sample, or a piece of the row of JPEG bytes.
std::vector<hsize_t> chunk_extents(const layout::FieldIndex& field, std::int64_t image_side) {
  if (field.encoding == FieldEncoding::kJpeg) return {layout::kJpegPiece};
  std::vector<hsize_t> extents{1};
  for (const std::int64_t extent : resolved_shape(*field.spec, image_side)) extents.push_back(static_cast<hsize_t>(extent));
  return extents;
}

}  // namespace

struct StoreWriter::State {
  struct Field {
    layout::FieldIndex index;
    Handle dataset;
    std::vector<std::byte> waiting;  ///< JPEG bytes that do not fill a piece yet
  };

  std::filesystem::path path;
  StoreInfo info;
  std::optional<AtomicFile> atomic;
  Handle file;
  std::map<std::string, Field> fields;
  std::vector<std::string> buildings;
  std::vector<std::string> scenes;
  std::vector<std::int64_t> views;
  std::set<std::string> names;

  ~State() {
    const hdf5::Session session;
    for (auto& [name, field] : fields) field.dataset.reset();
    file.reset();
  }

  /// Every write goes through here: nothing but a full or failing disk makes one fail.
  void written(bool good) const {
    AFFINIS_CHECK(good, ErrorCode::kIo, "cannot write {} ({}); is the disk full?", path.string(),
                  errno != 0 ? std::strerror(errno) : "HDF5 refused");
  }

  void attribute(hid_t object, const char* name, hid_t type, const void* value) const {
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    written(attribute && H5Awrite(attribute.get(), type, value) >= 0);
  }
  void attribute(hid_t object, const char* name, const std::string& value) const {
    attribute(object, name, string_type(value.size()).get(), value.c_str());
  }
  void attribute(hid_t object, const char* name, std::int64_t value) const { attribute(object, name, H5T_STD_I64LE, &value); }
  void attribute(hid_t object, const char* name, double value) const { attribute(object, name, H5T_IEEE_F64LE, &value); }

  Handle group(const char* name) const {
    const Handle properties = hdf5::timeless(H5P_GROUP_CREATE);
    Handle made(H5Gcreate2(file.get(), name, H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Gclose);
    written(bool(made));
    return made;
  }

  void array(const std::string& name, hid_t type, const std::vector<hsize_t>& extents, const void* values) const {
    const Handle properties = hdf5::timeless(H5P_DATASET_CREATE);
    const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose);
    const Handle dataset(H5Dcreate2(file.get(), name.c_str(), type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Dclose);
    written(dataset && (extents[0] == 0 || H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0));
  }

  void create_field(const std::string& name, Field& field) const {
    const FieldSpec& spec = *field.index.spec;
    const std::vector<hsize_t> chunk = chunk_extents(field.index, info.image_side);
    const int rank = static_cast<int>(chunk.size());
    const Handle properties = hdf5::timeless(H5P_DATASET_CREATE);
    H5Pset_chunk(properties.get(), rank, chunk.data());
    H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
    if (field.index.encoding == FieldEncoding::kDeflate) {
      if (element_size(spec.type) > 1) H5Pset_shuffle(properties.get());
      H5Pset_deflate(properties.get(), 6);
    }
    std::vector<hsize_t> extents = chunk;
    extents[0] = 0;
    std::vector<hsize_t> most = chunk;
    most[0] = H5S_UNLIMITED;
    const Handle space(H5Screate_simple(rank, extents.data(), most.data()), H5Sclose);
    field.dataset = Handle(
        H5Dcreate2(file.get(), ("/fields/" + name).c_str(), disk_type(spec.type), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
        H5Dclose);
    written(bool(field.dataset));
    const hid_t dataset = field.dataset.get();
    attribute(dataset, "encoding", std::string(field_encoding_name(field.index.encoding)));
    attribute(dataset, "doc", spec.doc);
    if (!spec.unit.empty()) attribute(dataset, "unit", spec.unit);
    if (!spec.frame.empty()) attribute(dataset, "frame", spec.frame);
    if (!spec.vocabulary.empty()) attribute(dataset, "vocabulary", spec.vocabulary);
    if (spec.invalid) attribute(dataset, "invalid", *spec.invalid);
    if (spec.scale != 1 || spec.offset != 0) {
      attribute(dataset, "scale", spec.scale);
      attribute(dataset, "offset", spec.offset);
    }
  }

  /// Appends one chunk to the field's dataset, whose length becomes `length`.
  void append_chunk(Field& field, hsize_t length, std::span<const std::byte> stored) const {
    std::vector<hsize_t> extents = chunk_extents(field.index, info.image_side);
    std::vector<hsize_t> corner(extents.size(), 0);
    corner[0] = field.index.chunks.size() * extents[0];
    extents[0] = length;
    errno = 0;
    written(H5Dset_extent(field.dataset.get(), extents.data()) >= 0);
    written(H5Dwrite_chunk(field.dataset.get(), H5P_DEFAULT, 0, corner.data(), stored.size(), stored.data()) >= 0);
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    written(H5Dget_chunk_info_by_coord(field.dataset.get(), corner.data(), &mask, &address, &size) >= 0 && address != HADDR_UNDEF);
    field.index.chunks.push_back({address, size});
  }

  void append(Field& field, std::span<const std::byte> stored) const {
    field.index.checksums.push_back(crc32c(stored));
    if (field.index.encoding != FieldEncoding::kJpeg) {
      append_chunk(field, field.index.chunks.size() + 1, stored);
      return;
    }
    field.index.offsets.push_back(field.index.offsets.back() + stored.size());
    field.waiting.insert(field.waiting.end(), stored.begin(), stored.end());
    std::size_t done = 0;
    for (; field.waiting.size() - done >= layout::kJpegPiece; done += layout::kJpegPiece) {
      append_chunk(field, (field.index.chunks.size() + 1) * layout::kJpegPiece, std::span(field.waiting).subspan(done, layout::kJpegPiece));
    }
    field.waiting.erase(field.waiting.begin(), field.waiting.begin() + static_cast<std::ptrdiff_t>(done));
  }

  const FieldValue& checked_value(const Sample& sample, const std::string& name, const FieldSpec& spec) const {
    const auto it = sample.fields.find(name);
    AFFINIS_CHECK(it != sample.fields.end(), ErrorCode::kData, "{}: sample {} lacks the declared field '{}'", path.string(),
                  sample.key.name(), name);
    const FieldValue& value = it->second;
    const bool fits = value.shape == resolved_shape(spec, info.image_side) &&
                      value.bytes.size() == static_cast<std::size_t>(element_count(spec, info.image_side)) * element_size(spec.type);
    AFFINIS_CHECK(fits, ErrorCode::kData, "{}: field '{}' of sample {} has another shape than a store of image side {} declares",
                  path.string(), name, sample.key.name(), info.image_side);
    return value;
  }

  std::vector<std::byte> encode(const FieldValue& value, FieldEncoding encoding) const {
    switch (encoding) {
      case FieldEncoding::kDeflate: return shuffle_and_deflate(value.bytes, element_size(value.spec->type));
      case FieldEncoding::kJpeg: return encode_jpeg(value.bytes, info.image_side, info.image_side);
      case FieldEncoding::kRaw: break;
    }
    return value.bytes;
  }

  using Encoded = std::vector<std::pair<Field*, std::vector<std::byte>>>;

  void check_key(const SampleKey& key) const {
    AFFINIS_ASSERT(atomic.has_value());
    for (const std::string* part : {&key.building, &key.scene}) {
      AFFINIS_CHECK(part->find('\0') == std::string::npos && part->size() <= 1024, ErrorCode::kData,
                    "{}: the building or scene name of a sample is longer than 1024 bytes or holds a zero byte", path.string());
    }
    AFFINIS_CHECK(!names.contains(key.name()), ErrorCode::kData, "{}: sample {} is added twice", path.string(), key.name());
  }

  void append_sample(const SampleKey& key, const Encoded& encoded) {
    const hdf5::Session session;
    for (const auto& [field, stored] : encoded) append(*field, stored);
    names.insert(key.name());
    buildings.push_back(key.building);
    scenes.push_back(key.scene);
    views.push_back(key.view);
  }

  void write_index() {
    layout::IndexChecksum checksum;
    const hsize_t count = views.size();
    for (auto& [name, field] : fields) {
      array("/checksums/" + name, H5T_STD_U32LE, {count}, field.index.checksums.data());
      array("/chunks/" + name, H5T_STD_U64LE, {field.index.chunks.size(), 2}, field.index.chunks.data());
      if (field.index.encoding == FieldEncoding::kJpeg) array("/offsets/" + name, H5T_STD_U64LE, {count + 1}, field.index.offsets.data());
      checksum.add(field.index);
    }
    const std::vector<std::string> splits(views.size(), info.split);
    const std::map<std::string, const std::vector<std::string>*> texts = {{"building", &buildings}, {"scene", &scenes}, {"split", &splits}};
    for (const auto& [name, values] : texts) {
      const layout::FixedStrings fixed = fixed_strings(*values);
      array("/index/" + name, string_type(fixed.length).get(), {count}, fixed.characters.data());
      checksum.add(fixed.characters);
    }
    array("/index/view", H5T_STD_I64LE, {count}, views.data());
    checksum.add(views);
    attribute(file.get(), "index_crc32c", static_cast<std::int64_t>(checksum.value()));
  }

  void write_attributes() const {
    attribute(file.get(), "magic", std::string(layout::kMagic));
    attribute(file.get(), "format_version", layout::kVersion);
    attribute(file.get(), "split", info.split);
    attribute(file.get(), "image_side", info.image_side);
    // Bytes that are no UTF-8 are replaced: they may stand in a file's name within the provenance.
    constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
    attribute(file.get(), "fields", nlohmann::json(info.fields).dump());
    attribute(file.get(), "vocabularies", nlohmann::json(info.vocabularies).dump(-1, ' ', false, kReplace));
    attribute(file.get(), "provenance", info.provenance.dump(-1, ' ', false, kReplace));
  }
};

StoreWriter::StoreWriter(std::filesystem::path path, StoreInfo info) : state_(std::make_unique<State>()) {
  const hdf5::Session session;
  State& state = *state_;
  state.path = std::move(path);
  state.info = std::move(info);
  AFFINIS_CHECK(state.info.image_side > 0 && state.info.image_side <= 16384, ErrorCode::kData,
                "{}: an image side of {} is not between 1 and 16384", state.path.string(), state.info.image_side);
  AFFINIS_CHECK(!state.info.fields.empty(), ErrorCode::kData, "{}: a store needs at least one field", state.path.string());
  std::sort(state.info.fields.begin(), state.info.fields.end());
  for (const std::string& name : state.info.fields) {
    State::Field field;
    field.index.spec = &field_spec(name);
    const auto wish = state.info.encodings.find(name);
    field.index.encoding = wish == state.info.encodings.end() ? field.index.spec->encoding : wish->second;
    const bool colour = field.index.spec->type == ElementType::kU8 && is_image_field(*field.index.spec) && channel_count(*field.index.spec) == 3;
    AFFINIS_CHECK(field.index.encoding != FieldEncoding::kJpeg || colour, ErrorCode::kData, "{}: field '{}' is no colour image and cannot be a JPEG",
                  state.path.string(), name);
    if (field.index.encoding == FieldEncoding::kJpeg) field.index.offsets.push_back(0);
    AFFINIS_CHECK(state.fields.emplace(name, std::move(field)).second, ErrorCode::kData, "{}: field '{}' is declared twice", state.path.string(),
                  name);
  }

  state.atomic.emplace(state.path);
  const Handle creation = hdf5::timeless(H5P_FILE_CREATE);
  const Handle access = hdf5::file_access();
  errno = 0;
  state.file = Handle(H5Fcreate(state.atomic->temporary().c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  AFFINIS_CHECK(bool(state.file), ErrorCode::kIo, "cannot create {} ({}); is the folder there and writable?", state.path.string(),
                errno != 0 ? std::strerror(errno) : "HDF5 refused");
  for (const char* name : {"/fields", "/checksums", "/chunks", "/offsets", "/index"}) state.group(name);
  for (auto& [name, field] : state.fields) state.create_field(name, field);
}

StoreWriter::~StoreWriter() = default;

void StoreWriter::add(const Sample& sample) {
  // All is encoded before anything is written: a sample that is refused leaves no part of itself.
  State& state = *state_;
  state.check_key(sample.key);
  State::Encoded encoded;
  for (auto& [name, field] : state.fields) {
    const FieldValue& value = state.checked_value(sample, name, *field.index.spec);
    encoded.emplace_back(&field, state.encode(value, field.index.encoding));
  }
  state.append_sample(sample.key, encoded);
}

void StoreWriter::add_stored(const Store& source, std::int64_t index, const Sample& made) {
  State& state = *state_;
  Sample sample{.key = source.key(index), .index = index, .fields = made.fields};
  state.check_key(sample.key);
  AFFINIS_CHECK(source.info().image_side == state.info.image_side, ErrorCode::kData, "{} has image side {}, {} has {}; one store has one size",
                source.path().string(), source.info().image_side, state.path.string(), state.info.image_side);
  State::Encoded encoded;
  for (auto& [name, field] : state.fields) {
    if (sample.fields.contains(name)) {
      encoded.emplace_back(&field, state.encode(state.checked_value(sample, name, *field.index.spec), field.index.encoding));
      continue;
    }
    const std::string one[] = {name};
    Store::StoredSample stored = source.read_stored(index, one);
    const auto other = source.info().encodings.find(name);
    const FieldEncoding encoding = other == source.info().encodings.end() ? field.index.spec->encoding : other->second;
    AFFINIS_CHECK(encoding == field.index.encoding, ErrorCode::kData, "{} stores field '{}' as {}, {} as {}; let them agree", source.path().string(), name,
                  field_encoding_name(encoding), state.path.string(), field_encoding_name(field.index.encoding));
    source.verify(stored, one);
    encoded.emplace_back(&field, std::move(stored.chunks[0]));
  }
  state.append_sample(sample.key, encoded);
}

void StoreWriter::finish() {
  State& state = *state_;
  AFFINIS_ASSERT(state.atomic.has_value());
  const hdf5::Session session;
  errno = 0;
  for (auto& [name, field] : state.fields) {
    if (!field.waiting.empty()) {
      const std::uint64_t length = field.index.offsets.back();
      field.waiting.resize(layout::kJpegPiece);
      state.append_chunk(field, length, field.waiting);
    }
    state.written(field.dataset.reset());
  }
  state.write_index();
  state.write_attributes();
  state.written(H5Fflush(state.file.get(), H5F_SCOPE_GLOBAL) >= 0);
  state.written(state.file.reset());
  state.atomic->commit();
  state.atomic.reset();
}

}  // namespace affinis::data
