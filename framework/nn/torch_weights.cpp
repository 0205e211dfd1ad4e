#include "framework/nn/torch_weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <ATen/ops/empty.h>
#include <zip.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/nn/detail/pickle.h"

namespace affinis::nn {
namespace {

using detail::Pickle;
using detail::PickledTensor;
using detail::PickledValue;
using Kind = PickledValue::Kind;

constexpr std::uint64_t kMostPickleBytes = 64 << 20;
constexpr std::string_view kPickleName = "/data.pkl";
constexpr std::string_view kParallelPrefix = "module.";
constexpr std::array<std::string_view, 3> kInnerDicts = {"state_dict", "model_state_dict", "model"};
constexpr int kMostNesting = 8;

struct ElementType {
  std::string_view storage;
  at::ScalarType type;
};
constexpr std::array<ElementType, 10> kElementTypes = {{{"DoubleStorage", at::kDouble},
                                                        {"FloatStorage", at::kFloat},
                                                        {"HalfStorage", at::kHalf},
                                                        {"BFloat16Storage", at::kBFloat16},
                                                        {"LongStorage", at::kLong},
                                                        {"IntStorage", at::kInt},
                                                        {"ShortStorage", at::kShort},
                                                        {"CharStorage", at::kChar},
                                                        {"ByteStorage", at::kByte},
                                                        {"BoolStorage", at::kBool}}};

/// At most 80 printable characters of a text that a stranger chose.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

/// The zip archive that torch.save wrote. Members are stored as they are: compressed ones are refused, so that nothing inflates.
class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) : path_(path), bytes_left_(std::filesystem::file_size(path)), zip_(open(path)) {
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* const name = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
      if (name == nullptr || !std::string_view(name).ends_with(kPickleName)) continue;
      AFFINIS_CHECK(prefix_.empty(), ErrorCode::kFormat, "it has more than one list of tensors (data.pkl)");
      prefix_ = std::string(name).substr(0, std::strlen(name) - kPickleName.size() + 1);
    }
    AFFINIS_CHECK(!prefix_.empty(), ErrorCode::kFormat, "it is a zip archive, but not one that torch.save wrote (it has no data.pkl)");
    AFFINIS_CHECK(!has("constants.pkl"), ErrorCode::kFormat,
                  "it is a TorchScript program, which holds code; in Python, load it with torch.jit.load and save its state_dict()");
  }

  bool has(std::string_view member) const { return zip_name_locate(zip_.get(), name_of(member).c_str(), ZIP_FL_ENC_RAW) >= 0; }

  std::uint64_t size(std::string_view member) const {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    AFFINIS_CHECK(zip_stat(zip_.get(), name_of(member).c_str(), ZIP_FL_ENC_RAW, &stat) == 0 && (stat.valid & kNeeded) == kNeeded, ErrorCode::kFormat,
                  "it lacks the member '{}'", shown(member));
    AFFINIS_CHECK(stat.comp_method == ZIP_CM_STORE && stat.comp_size == stat.size, ErrorCode::kFormat,
                  "its member '{}' is compressed, which torch.save does not do", shown(member));
    return stat.size;
  }

  /// All of a member's `size` bytes. The members read from one archive are together no longer than the file, whatever its directory says.
  void read(std::string_view member, std::uint64_t size, void* into) {
    const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen(zip_.get(), name_of(member).c_str(), ZIP_FL_ENC_RAW), &zip_fclose);
    AFFINIS_CHECK(file != nullptr, ErrorCode::kFormat, "its member '{}' cannot be read ({})", shown(member), zip_strerror(zip_.get()));
    const zip_int64_t got = zip_fread(file.get(), into, size);
    AFFINIS_CHECK(got >= 0 && static_cast<std::uint64_t>(got) == size, ErrorCode::kFormat, "its member '{}' is shorter than it claims",
                  shown(member));
    // The checksum is compared when the end is met.
    char beyond = 0;
    AFFINIS_CHECK(zip_fread(file.get(), &beyond, 1) == 0, ErrorCode::kFormat, "its member '{}' does not match its checksum", shown(member));
  }

  /// To be asked before memory for a member is.
  void require_room(std::string_view member, std::uint64_t size) {
    AFFINIS_CHECK(size <= bytes_left_, ErrorCode::kFormat, "its member '{}' and those before it are longer than the file", shown(member));
    bytes_left_ -= size;
  }

 private:
  struct Discard {
    void operator()(zip_t* zip) const { zip_discard(zip); }
  };

  static zip_t* open(const std::filesystem::path& path) {
    int code = 0;
    zip_t* const zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (zip != nullptr) return zip;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(ErrorCode::kFormat, "it is no sound zip archive ({})", why);
  }

  std::string name_of(std::string_view member) const { return prefix_ + std::string(member); }

  std::filesystem::path path_;
  std::uint64_t bytes_left_;
  std::unique_ptr<zip_t, Discard> zip_;
  std::string prefix_;  ///< of every member: "archive/"
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : archive_(path) {
    const std::uint64_t size = archive_.size("data.pkl");
    AFFINIS_CHECK(size <= kMostPickleBytes, ErrorCode::kFormat, "its list of tensors has {} bytes, which no network's names need", size);
    archive_.require_room("data.pkl", size);
    text_.resize(size);
    archive_.read("data.pkl", size, text_.data());
    require_little_endian();
    pickle_ = detail::read_pickle(text_);
  }

  std::vector<NamedTensor> tensors() {
    std::vector<NamedTensor> result;
    std::set<std::string_view> names;
    const std::vector<PickledValue>& dict = state_dict();
    bool parallel = true;
    for (std::size_t i = 0; i + 1 < dict.size(); i += 2) {
      if (dict[i].kind != Kind::kText || dict[i + 1].kind != Kind::kTensor) continue;
      const std::string_view name = pickle_.texts[dict[i].index];
      AFFINIS_CHECK(names.insert(name).second, ErrorCode::kFormat, "it holds '{}' twice", shown(name));
      parallel = parallel && name.starts_with(kParallelPrefix);
      result.push_back({std::string(name), made(name, pickle_.tensors[dict[i + 1].index])});
    }
    for (NamedTensor& each : result) {
      if (parallel) each.name.erase(0, kParallelPrefix.size());
    }
    return result;
  }

 private:
  struct Storage {
    std::uint32_t index;  ///< of its first mention
    at::Tensor values;
  };

  void require_little_endian() {
    if (!archive_.has("byteorder")) return;
    constexpr std::uint64_t kMostBytes = 16;
    const std::uint64_t size = archive_.size("byteorder");
    std::string order(std::min(size, kMostBytes), '\0');
    AFFINIS_CHECK(size <= kMostBytes, ErrorCode::kFormat, "its byte order is a text of {} bytes", size);
    archive_.read("byteorder", size, order.data());
    AFFINIS_CHECK(order == "little", ErrorCode::kFormat, "its numbers are in '{}'-endian order; in Python, load and save it on another machine",
                  shown(order));
  }

  const std::vector<PickledValue>& entries(const PickledValue& dict) const { return pickle_.lists[dict.index]; }

  std::optional<PickledValue> entry(const PickledValue& dict, std::string_view name) const {
    const std::vector<PickledValue>& list = entries(dict);
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
      if (list[i].kind == Kind::kText && pickle_.texts[list[i].index] == name) return list[i + 1];
    }
    return std::nullopt;
  }

  const std::vector<PickledValue>& state_dict() const {
    PickledValue dict = pickle_.root;
    AFFINIS_CHECK(dict.kind == Kind::kDict, ErrorCode::kFormat, "it holds no dict of tensors; in Python, save model.state_dict()");
    for (int depth = 0; depth < kMostNesting; ++depth) {
      std::optional<PickledValue> inner;
      for (const std::string_view name : kInnerDicts) {
        if (!inner) inner = entry(dict, name);
        if (inner && inner->kind != Kind::kDict) inner.reset();
      }
      if (!inner) break;
      dict = *inner;
    }
    const std::vector<PickledValue>& list = entries(dict);
    std::vector<std::string> others;
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
      if (list[i].kind != Kind::kText) continue;
      if (list[i + 1].kind == Kind::kTensor) return list;
      if (others.size() < 8) others.push_back(shown(pickle_.texts[list[i].index]));
    }
    fail(ErrorCode::kFormat, "its dict holds no tensors (only {}); in Python, save model.state_dict()",
         others.empty() ? std::string("nothing") : join(others, ", "));
  }

  /// A storage's values, read when a tensor first asks for them.
  const at::Tensor& storage(std::uint32_t index) {
    const detail::PickledStorage& described = pickle_.storages[index];
    // Every mention of a storage in the pickle is another entry of the list; the key tells which it is.
    const auto known = storages_.find(described.key);
    if (known != storages_.end()) {
      const detail::PickledStorage& first = pickle_.storages[known->second.index];
      AFFINIS_CHECK(first.type == described.type && first.elements == described.elements, ErrorCode::kFormat,
                    "it gives the storage '{}' two types or sizes", shown(described.key));
      return known->second.values;
    }
    const auto type = std::find_if(kElementTypes.begin(), kElementTypes.end(), [&](const ElementType& each) { return each.storage == described.type; });
    AFFINIS_CHECK(type != kElementTypes.end(), ErrorCode::kFormat, "it has elements of the type '{}'", shown(described.type));
    const std::string member = "data/" + std::string(described.key);
    const std::uint64_t size = archive_.size(member);
    const auto width = static_cast<std::uint64_t>(c10::elementSize(type->type));
    AFFINIS_CHECK(size % width == 0 && size / width == static_cast<std::uint64_t>(described.elements), ErrorCode::kFormat,
                  "its member '{}' has {} bytes where {} elements of {} are promised", shown(member), size, described.elements, described.type);
    archive_.require_room(member, size);
    at::Tensor values = at::empty({described.elements}, at::TensorOptions().dtype(type->type));
    archive_.read(member, size, values.mutable_data_ptr());
    if (type->type == at::kBool) {
      const auto* bytes = static_cast<const unsigned char*>(values.const_data_ptr());
      AFFINIS_CHECK(std::all_of(bytes, bytes + size, [](unsigned char byte) { return byte <= 1; }), ErrorCode::kFormat,
                    "its member '{}' of booleans holds a byte other than 0 and 1", shown(member));
    }
    return storages_.emplace(described.key, Storage{index, std::move(values)}).first->second.values;
  }

  at::Tensor made(std::string_view name, const PickledTensor& tensor) {
    const at::Tensor values = storage(tensor.storage);
    std::int64_t last = tensor.offset;
    std::int64_t count = 1;
    bool empty = false;
    bool overflow = false;
    for (std::size_t i = 0; i < tensor.sides.size(); ++i) {
      const std::int64_t side = tensor.sides[i];
      empty = empty || side == 0;
      std::int64_t reach = 0;
      overflow = overflow || __builtin_mul_overflow(std::max<std::int64_t>(side, 1) - 1, tensor.strides[i], &reach) ||
                 __builtin_add_overflow(last, reach, &last) || __builtin_mul_overflow(count, std::max<std::int64_t>(side, 1), &count);
    }
    AFFINIS_CHECK(!overflow && (empty ? tensor.offset <= values.numel() : last < values.numel() && count <= values.numel()), ErrorCode::kFormat,
                  "its tensor '{}' reaches beyond its storage of {} elements", shown(name), values.numel());
    return values.as_strided(tensor.sides, tensor.strides, tensor.offset);
  }

  Archive archive_;
  std::string text_;
  Pickle pickle_;
  std::unordered_map<std::string_view, Storage> storages_;
};

std::string first_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  AFFINIS_CHECK(stream.is_open(), ErrorCode::kIo, "cannot open {}; check that it is there and may be read", path.string());
  std::string bytes(4, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  return bytes;
}

bool is_zip(std::string_view bytes) { return bytes == std::string_view("PK\x03\x04", 4) || bytes == std::string_view("PK\x05\x06", 4); }
bool is_pickle(std::string_view bytes) { return bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5; }

}  // namespace

bool looks_like_torch_file(const std::filesystem::path& path) {
  const std::string bytes = first_bytes(path);
  return is_zip(bytes) || is_pickle(bytes);
}

std::vector<NamedTensor> read_torch_weights(const std::filesystem::path& path) {
  const std::string bytes = first_bytes(path);
  AFFINIS_CHECK(!is_pickle(bytes), ErrorCode::kFormat,
                "{} is in PyTorch's format from before version 1.6; in Python, torch.load it and torch.save it again", path.string());
  AFFINIS_CHECK(is_zip(bytes), ErrorCode::kFormat, "{} is no file of torch.save: it is no zip archive", path.string());
  try {
    return Reader(path).tensors();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFormat) throw;
    fail(ErrorCode::kFormat, "{} is no state_dict that can be read: {}", path.string(), error.sentence());
  } catch (const std::filesystem::filesystem_error& error) {
    fail(ErrorCode::kIo, "cannot read {}: {}", path.string(), error.code().message());
  }
}

}  // namespace affinis::nn
