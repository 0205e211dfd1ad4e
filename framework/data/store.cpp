#include "framework/data/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <hdf5.h>

#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "framework/data/codec.h"
#include "framework/data/hdf5_handle.h"
#include "framework/data/store_layout.h"

namespace affinis::data {
namespace {

using hdf5::Handle;

constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kLongestAttribute = std::size_t{64} << 20;
constexpr std::int64_t kGreatestSide = 16384;

/// A file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

bool has_type(hid_t dataset, ElementType type) {
  const Handle stored(H5Dget_type(dataset), H5Tclose);
  const bool real = type == ElementType::kF32 || type == ElementType::kF64;
  if (H5Tget_size(stored.get()) != element_size(type) || H5Tget_class(stored.get()) != (real ? H5T_FLOAT : H5T_INTEGER)) return false;
  if (H5Tget_order(stored.get()) == H5T_ORDER_BE) return false;
  return real || (H5Tget_sign(stored.get()) == H5T_SGN_2) == (type == ElementType::kI32);
}

std::vector<hsize_t> extents_of(hid_t dataset) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  std::vector<hsize_t> extents(static_cast<std::size_t>(std::max(rank, 0)));
  H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  return extents;
}

}  // namespace

struct Store::State {
  std::filesystem::path path;
  Descriptor descriptor;
  std::uint64_t file_size = 0;
  StoreInfo info;
  std::string identity;
  std::vector<SampleKey> keys;
  std::map<std::string, layout::FieldIndex, std::less<>> fields;

  State(std::filesystem::path where, int number) : path(std::move(where)), descriptor(number) {}

  [[noreturn]] void damaged(const std::string& what) const {
    fail(ErrorCode::kFormat, "{} is damaged: {}; make or copy it anew", path.string(), what);
  }
  void sound(bool condition, const std::string& what) const {
    if (!condition) damaged(what);
  }

  const layout::FieldIndex& field(const std::string& name) const {
    const auto it = fields.find(name);
    AFFINIS_CHECK(it != fields.end(), ErrorCode::kData, "{} has no field '{}' (it has {}); render, import or annotate it first", path.string(),
                  name, join(info.fields, ", "));
    return it->second;
  }

  void read_at(std::uint64_t offset, std::span<std::byte> target) const {
    while (!target.empty()) {
      const ssize_t count = ::pread(descriptor.get(), target.data(), target.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      AFFINIS_CHECK(count >= 0, ErrorCode::kIo, "cannot read {}: {}", path.string(), std::strerror(errno));
      AFFINIS_CHECK(count > 0, ErrorCode::kIo, "{} ends before byte {}: it was cut off after it was opened", path.string(),
                    offset + target.size());
      offset += static_cast<std::uint64_t>(count);
      target = target.subspan(static_cast<std::size_t>(count));
    }
  }

  // ---- opening; all of it under one hdf5::Session ----

  std::optional<std::vector<char>> attribute_bytes(hid_t file, const char* name, H5T_class_t wanted) const {
    if (H5Aexists(file, name) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    const std::size_t size = H5Tget_size(type.get());
    const bool plain = H5Tget_class(type.get()) == wanted && H5Tis_variable_str(type.get()) <= 0 &&
                       H5Sget_simple_extent_npoints(space.get()) == 1 && size > 0 && size <= kLongestAttribute;
    if (!plain) return std::nullopt;
    std::vector<char> bytes(size);
    if (H5Aread(attribute.get(), type.get(), bytes.data()) < 0) return std::nullopt;
    return bytes;
  }

  std::string text(hid_t file, const char* name) const {
    const std::optional<std::vector<char>> bytes = attribute_bytes(file, name, H5T_STRING);
    sound(bytes.has_value(), fmt::format("its attribute '{}' is missing or unreadable", name));
    return {bytes->begin(), std::find(bytes->begin(), bytes->end(), '\0')};
  }

  std::int64_t integer(hid_t file, const char* name) const {
    const std::optional<std::vector<char>> bytes = attribute_bytes(file, name, H5T_INTEGER);
    sound(bytes && bytes->size() == sizeof(std::int64_t), fmt::format("its attribute '{}' is missing or unreadable", name));
    std::int64_t value = 0;
    std::memcpy(&value, bytes->data(), sizeof(value));
    return value;
  }

  nlohmann::json json(hid_t file, const char* name) const {
    nlohmann::json value = nlohmann::json::parse(text(file, name), nullptr, false);
    sound(!value.is_discarded(), fmt::format("its attribute '{}' is no JSON", name));
    return value;
  }

  Handle open_array(hid_t file, const std::string& name) const {
    Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    sound(bool(dataset), fmt::format("'{}' is missing", name));
    return dataset;
  }

  /// A whole array of numbers of `type`; T is one of them or, for Extent, a row of them.
  template <typename T>
  std::vector<T> read_array(hid_t file, const std::string& name, hid_t type, const std::vector<hsize_t>& extents) const {
    const Handle dataset = open_array(file, name);
    const Handle stored(H5Dget_type(dataset.get()), H5Tclose);
    sound(H5Tequal(stored.get(), type) > 0 && extents_of(dataset.get()) == extents, fmt::format("'{}' has an unexpected type or size", name));
    hsize_t bytes = H5Tget_size(type);
    std::vector<T> values;
    for (const hsize_t extent : extents) {
      sound(extent == 0 || bytes <= file_size / extent, fmt::format("'{}' is larger than the file", name));
      bytes *= extent;
    }
    values.resize(bytes / sizeof(T));
    sound(values.empty() || H5Dread(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0,
          fmt::format("'{}' cannot be read", name));
    return values;
  }

  layout::FixedStrings read_strings(hid_t file, const std::string& name, hsize_t count) const {
    const Handle dataset = open_array(file, name);
    const Handle type(H5Dget_type(dataset.get()), H5Tclose);
    layout::FixedStrings fixed;
    fixed.length = H5Tget_size(type.get());
    const bool plain = H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) <= 0 && fixed.length > 0;
    sound(plain && extents_of(dataset.get()) == std::vector<hsize_t>{count}, fmt::format("'{}' has an unexpected type or size", name));
    sound(count == 0 || fixed.length <= file_size / count, fmt::format("'{}' is larger than the file", name));
    fixed.characters.resize(fixed.length * count);
    sound(count == 0 || H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, fixed.characters.data()) >= 0,
          fmt::format("'{}' cannot be read", name));
    return fixed;
  }

  static std::string string_at(const layout::FixedStrings& fixed, std::size_t i) {
    const auto begin = fixed.characters.begin() + static_cast<std::ptrdiff_t>(i * fixed.length);
    return {begin, std::find(begin, begin + static_cast<std::ptrdiff_t>(fixed.length), '\0')};
  }

  void read_info(hid_t file) {
    info.split = text(file, "split");
    info.image_side = integer(file, "image_side");
    sound(info.image_side > 0 && info.image_side <= kGreatestSide, fmt::format("it says an image side of {}", info.image_side));
    info.fields = json(file, "fields").get<std::vector<std::string>>();
    sound(!info.fields.empty() && std::is_sorted(info.fields.begin(), info.fields.end()), "its list of fields is empty or out of order");
    info.vocabularies = json(file, "vocabularies").get<Vocabularies>();
    info.provenance = json(file, "provenance");
  }

  FieldEncoding read_encoding(hid_t dataset, const std::string& name) const {
    const std::optional<std::vector<char>> bytes = attribute_bytes(dataset, "encoding", H5T_STRING);
    const std::string word = bytes ? std::string(bytes->begin(), std::find(bytes->begin(), bytes->end(), '\0')) : "";
    for (const FieldEncoding encoding : {FieldEncoding::kDeflate, FieldEncoding::kJpeg, FieldEncoding::kRaw}) {
      if (word == field_encoding_name(encoding)) return encoding;
    }
    damaged(fmt::format("field '{}' has the unknown encoding '{}'", name, word));
  }

  /// Whether HDF5 agrees about the first and the last chunk; a tool that repacks files moves them.
  bool chunks_are_where_we_think(hid_t dataset, const std::vector<layout::Extent>& chunks, std::vector<hsize_t> corner,
                                 hsize_t chunk_length) const {
    for (const std::size_t which : {std::size_t{0}, chunks.size() - 1}) {
      corner[0] = which * chunk_length;
      unsigned mask = 0;
      haddr_t address = HADDR_UNDEF;
      hsize_t size = 0;
      if (H5Dget_chunk_info_by_coord(dataset, corner.data(), &mask, &address, &size) < 0) return false;
      if (mask != 0 || layout::Extent{address, size} != chunks[which]) return false;
    }
    return true;
  }

  void read_field(hid_t file, const std::string& name, hsize_t count) {
    const FieldSpec* spec = find_field_spec(name);
    AFFINIS_CHECK(spec != nullptr, ErrorCode::kFormat, "{} has a field '{}', which this Affinis does not know; read it with the Affinis that wrote it",
                  path.string(), name);
    layout::FieldIndex index;
    index.spec = spec;
    const Handle dataset = open_array(file, "/fields/" + name);
    index.encoding = read_encoding(dataset.get(), name);
    if (index.encoding != spec->encoding) info.encodings[name] = index.encoding;
    const bool jpeg = index.encoding == FieldEncoding::kJpeg;
    const std::int64_t elements = element_count(*spec, info.image_side);
    const std::uint64_t raw_size = static_cast<std::uint64_t>(elements) * element_size(spec->type);

    std::vector<hsize_t> extents = extents_of(dataset.get());
    hsize_t chunk_count = count;
    hsize_t chunk_length = 1;
    if (jpeg) {
      sound(is_image_field(*spec) && channel_count(*spec) == 3 && spec->type == ElementType::kU8,
            fmt::format("field '{}' is no colour image, yet it says it is a JPEG", name));
      index.offsets = read_array<std::uint64_t>(file, "/offsets/" + name, H5T_STD_U64LE, {count + 1});
      sound(extents.size() == 1 && has_type(dataset.get(), ElementType::kU8), fmt::format("'/fields/{}' has an unexpected type or size", name));
      sound(index.offsets.front() == 0 && std::is_sorted(index.offsets.begin(), index.offsets.end()) && index.offsets.back() == extents[0] &&
                extents[0] <= file_size,
            fmt::format("'/offsets/{}' does not fit '/fields/{}'", name, name));
      chunk_length = layout::kJpegPiece;
      chunk_count = (extents[0] + chunk_length - 1) / chunk_length;
    } else {
      std::vector<hsize_t> expected{count};
      for (const std::int64_t extent : resolved_shape(*spec, info.image_side)) expected.push_back(static_cast<hsize_t>(extent));
      sound(extents == expected && has_type(dataset.get(), spec->type), fmt::format("'/fields/{}' has an unexpected type or size", name));
    }
    index.chunks = read_array<layout::Extent>(file, "/chunks/" + name, H5T_STD_U64LE, {chunk_count, 2});
    if (chunk_count > 0 && !chunks_are_where_we_think(dataset.get(), index.chunks, std::vector<hsize_t>(extents.size(), 0), chunk_length)) {
      fail(ErrorCode::kFormat, "{} was repacked or changed by another program (field '{}' lies elsewhere); use the file as Affinis wrote it",
           path.string(), name);
    }
    const std::uint64_t fixed_size = jpeg ? layout::kJpegPiece : raw_size;
    const bool plausible = std::all_of(index.chunks.begin(), index.chunks.end(), [&](const layout::Extent& chunk) {
      const bool inside = chunk.size > 0 && chunk.size <= file_size && chunk.offset <= file_size - chunk.size;
      return inside && (index.encoding == FieldEncoding::kDeflate ? chunk.size <= 2 * raw_size + 1024 : chunk.size == fixed_size);
    });
    sound(plausible, fmt::format("'/chunks/{}' names a place outside the file or a wrong size", name));
    index.checksums = read_array<std::uint32_t>(file, "/checksums/" + name, H5T_STD_U32LE, {count});
    fields.emplace(name, std::move(index));
  }

  void read_index(hid_t file) {
    const Handle views_set = open_array(file, "/index/view");
    const std::vector<hsize_t> extents = extents_of(views_set.get());
    sound(extents.size() == 1 && extents[0] <= file_size, "'/index/view' has an unexpected size");
    const hsize_t count = extents[0];
    for (const std::string& name : info.fields) read_field(file, name, count);
    const layout::FixedStrings buildings = read_strings(file, "/index/building", count);
    const layout::FixedStrings scenes = read_strings(file, "/index/scene", count);
    const layout::FixedStrings splits = read_strings(file, "/index/split", count);
    const auto views = read_array<std::int64_t>(file, "/index/view", H5T_STD_I64LE, {count});

    layout::IndexChecksum checksum;
    std::string told = nlohmann::json{info.fields, info.image_side, info.split, info.vocabularies}.dump();
    for (const auto& [name, index] : fields) {
      checksum.add(index);
      told += hash128_hex(std::as_bytes(std::span(index.checksums)));
    }
    checksum.add(buildings.characters);
    checksum.add(scenes.characters);
    checksum.add(splits.characters);
    checksum.add(views);
    sound(integer(file, "index_crc32c") == static_cast<std::int64_t>(checksum.value()), "the checksum of its index disagrees");
    keys.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back({string_at(buildings, i), string_at(scenes, i), views[i]});
      told += keys.back().name() + '\n';
    }
    identity = hash128_hex(told);
  }

  void open() {
    struct stat status{};
    AFFINIS_CHECK(::fstat(descriptor.get(), &status) == 0, ErrorCode::kIo, "cannot read {}: {}", path.string(), std::strerror(errno));
    AFFINIS_CHECK(S_ISREG(status.st_mode), ErrorCode::kIo, "{} is no file", path.string());
    file_size = static_cast<std::uint64_t>(status.st_size);
    std::array<unsigned char, kSignature.size()> start{};
    if (file_size >= start.size()) read_at(0, std::as_writable_bytes(std::span(start)));
    AFFINIS_CHECK(start == kSignature, ErrorCode::kFormat, "{} is not an HDF5 file; name a store that 'affinis data' wrote", path.string());

    const hdf5::Session session;
    const Handle access = hdf5::file_access();
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
    sound(bool(file), "HDF5 cannot open it, it may be cut off");
    const std::optional<std::vector<char>> magic = attribute_bytes(file.get(), "magic", H5T_STRING);
    const bool ours = magic && std::string_view(magic->data(), magic->size()) == layout::kMagic;
    AFFINIS_CHECK(ours, ErrorCode::kFormat, "{} is an HDF5 file, but not a store of Affinis; name a store that 'affinis data' wrote", path.string());
    const std::int64_t version = integer(file.get(), "format_version");
    AFFINIS_CHECK(version == layout::kVersion, ErrorCode::kFormat, "{} has format version {}, this program reads version {}; use {} Affinis",
                  path.string(), version, layout::kVersion, version > layout::kVersion ? "a newer" : "the older");
    try {
      read_info(file.get());
      read_index(file.get());
    } catch (const nlohmann::json::exception& error) {
      damaged(fmt::format("its attributes are no valid JSON ({})", error.what()));
    }
  }

  std::vector<std::byte> read_chunk(const layout::FieldIndex& index, std::size_t sample) const {
    if (index.encoding != FieldEncoding::kJpeg) {
      const layout::Extent& extent = index.chunks[sample];
      std::vector<std::byte> stored(extent.size);
      read_at(extent.offset, stored);
      return stored;
    }
    std::uint64_t at = index.offsets[sample];
    std::vector<std::byte> stored(index.offsets[sample + 1] - at);
    for (std::size_t done = 0; done < stored.size();) {
      const std::uint64_t within = at % layout::kJpegPiece;
      const std::size_t count = std::min<std::size_t>(stored.size() - done, layout::kJpegPiece - within);
      read_at(index.chunks[at / layout::kJpegPiece].offset + within, std::span(stored).subspan(done, count));
      at += count;
      done += count;
    }
    return stored;
  }

  [[noreturn]] void damaged_sample(const layout::FieldIndex& index, std::size_t sample, const char* what) const {
    fail(ErrorCode::kData, "{}: field '{}' of sample {} is damaged: {}; make or copy the file anew", path.string(), index.spec->name,
         keys[sample].name(), what);
  }

  void verify_chunk(const layout::FieldIndex& index, std::size_t sample, std::span<const std::byte> stored) const {
    if (crc32c(stored) != index.checksums[sample]) damaged_sample(index, sample, "its checksum disagrees");
  }

  FieldValue decode_chunk(const layout::FieldIndex& index, std::size_t sample, std::span<const std::byte> stored) const {
    verify_chunk(index, sample, stored);
    FieldValue value = make_field_value(*index.spec, info.image_side);
    switch (index.encoding) {
      case FieldEncoding::kDeflate:
        if (!inflate_and_unshuffle(stored, element_size(index.spec->type), value.bytes)) damaged_sample(index, sample, "it does not unpack");
        break;
      case FieldEncoding::kJpeg:
        if (!decode_jpeg(stored, info.image_side, info.image_side, value.bytes)) damaged_sample(index, sample, "it is no JPEG of the store's image side");
        break;
      case FieldEncoding::kRaw:
        if (stored.size() != value.bytes.size()) damaged_sample(index, sample, "it has another size");
        std::copy(stored.begin(), stored.end(), value.bytes.begin());
        break;
    }
    return value;
  }
};

Store::Store(const std::filesystem::path& path) {
  const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  AFFINIS_CHECK(number >= 0, ErrorCode::kIo, "cannot open {}: {}", path.string(), std::strerror(errno));
  state_ = std::make_unique<State>(path, number);
  state_->open();
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

const std::filesystem::path& Store::path() const { return state_->path; }
const StoreInfo& Store::info() const { return state_->info; }
std::int64_t Store::size() const { return static_cast<std::int64_t>(state_->keys.size()); }
const std::string& Store::identity() const { return state_->identity; }

const SampleKey& Store::key(std::int64_t index) const {
  AFFINIS_CHECK(index >= 0 && index < size(), ErrorCode::kUsage, "{} has {} samples; there is no number {}", path().string(), size(), index);
  return state_->keys[static_cast<std::size_t>(index)];
}

Sample Store::read(std::int64_t index, std::span<const std::string> fields) const { return decode(read_stored(index, fields), fields); }

Store::StoredSample Store::read_stored(std::int64_t index, std::span<const std::string> fields) const {
  key(index);
  StoredSample stored;
  stored.index = index;
  stored.chunks.reserve(fields.size());
  for (const std::string& name : fields) stored.chunks.push_back(state_->read_chunk(state_->field(name), static_cast<std::size_t>(index)));
  return stored;
}

Sample Store::decode(const StoredSample& stored, std::span<const std::string> fields) const {
  AFFINIS_ASSERT(stored.chunks.size() == fields.size());
  Sample sample;
  sample.key = key(stored.index);
  sample.index = stored.index;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    sample.fields[fields[i]] = state_->decode_chunk(state_->field(fields[i]), static_cast<std::size_t>(stored.index), stored.chunks[i]);
  }
  return sample;
}

void Store::verify(const StoredSample& stored, std::span<const std::string> fields) const {
  AFFINIS_ASSERT(stored.chunks.size() == fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    state_->verify_chunk(state_->field(fields[i]), static_cast<std::size_t>(stored.index), stored.chunks[i]);
  }
}

}  // namespace affinis::data
