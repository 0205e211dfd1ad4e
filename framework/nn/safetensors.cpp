#include "framework/nn/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <system_error>
#include <tuple>

#include <ATen/ops/empty.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace affinis::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
constexpr std::size_t kMostDimensions = 64;
constexpr const char* kMetadataKey = "__metadata__";

struct ElementType {
  const char* name;
  at::ScalarType type;
};
constexpr std::array<ElementType, 10> kElementTypes = {{{"F64", at::kDouble},
                                                        {"F32", at::kFloat},
                                                        {"F16", at::kHalf},
                                                        {"BF16", at::kBFloat16},
                                                        {"I64", at::kLong},
                                                        {"I32", at::kInt},
                                                        {"I16", at::kShort},
                                                        {"I8", at::kChar},
                                                        {"U8", at::kByte},
                                                        {"BOOL", at::kBool}}};

/// A tensor as the header describes it; offsets count from the header's end.
struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin;
  std::uint64_t end;
};

template <typename... Args>
[[noreturn]] void damaged(const std::filesystem::path& path, fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::kFormat, "{} is not a sound safetensors file: {}; copy or export it again", path.string(),
       fmt::format(format, std::forward<Args>(args)...));
}

/// At most 80 characters of a name that a stranger chose.
std::string shown(const std::string& name) { return name.size() <= 80 ? name : name.substr(0, 77) + "..."; }

/// Parses the header; refuses repeated keys and nesting that the format has no use for while parsing, before they cost memory.
nlohmann::json parse_header(const std::filesystem::path& path, const std::string& text) {
  std::set<std::string> names;
  std::set<std::string> fields;
  std::size_t dimensions = 0;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::key) {
      const std::string key = value.get<std::string>();
      if (depth == 1) fields.clear();
      if (!(depth == 1 ? names : fields).insert(key).second) damaged(path, "the name '{}' occurs twice in its header", shown(key));
    }
    if (event == Event::array_start || event == Event::object_start) {
      if (depth > 2) damaged(path, "its header is nested too deeply");
      dimensions = 0;
    }
    if (event == Event::value && depth == 3 && ++dimensions > kMostDimensions) {
      damaged(path, "its header has a list of more than {} numbers", kMostDimensions);
    }
    return true;
  };
  try {
    nlohmann::json header = nlohmann::json::parse(text, watch);
    if (!header.is_object()) damaged(path, "its header is not a JSON object");
    return header;
  } catch (const nlohmann::json::exception& error) {
    damaged(path, "its header is not JSON ({})", error.what());
  }
}

std::uint64_t whole_number(const std::filesystem::path& path, const std::string& name, const nlohmann::json& value) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) {
    damaged(path, "tensor '{}' has a side or offset that is not a whole number from 0 to 2^63 - 1", shown(name));
  }
  return value.get<std::uint64_t>();
}

at::ScalarType element_type(const std::filesystem::path& path, const std::string& name, const nlohmann::json& value) {
  if (value.is_string()) {
    for (const ElementType& each : kElementTypes) {
      if (value.get_ref<const std::string&>() == each.name) return each.type;
    }
  }
  damaged(path, "tensor '{}' has an element type that is none of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL", shown(name));
}

/// Bytes of the shape's elements. Sides of 0 are left out of the overflow check's product, since strides are computed without them.
std::uint64_t byte_count(const std::filesystem::path& path, const Entry& entry) {
  std::int64_t product = static_cast<std::int64_t>(c10::elementSize(entry.type));
  bool empty = false;
  for (const std::int64_t side : entry.shape) {
    empty = empty || side == 0;
    if (side != 0 && __builtin_mul_overflow(product, side, &product)) damaged(path, "the shape of tensor '{}' overflows", shown(entry.name));
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

Entry parse_entry(const std::filesystem::path& path, const std::string& name, const nlohmann::json& fields,
                  std::uint64_t data_bytes) {
  if (!fields.is_object()) damaged(path, "tensor '{}' is not described by an object", shown(name));
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!fields.contains(key)) damaged(path, "tensor '{}' lacks the field '{}'", shown(name), key);
  }
  const nlohmann::json& offsets = fields["data_offsets"];
  if (!fields["shape"].is_array()) damaged(path, "the shape of tensor '{}' is not a list", shown(name));
  if (!offsets.is_array() || offsets.size() != 2) damaged(path, "the data_offsets of tensor '{}' are not two numbers", shown(name));
  Entry entry{name, element_type(path, name, fields["dtype"]), {}, whole_number(path, name, offsets[0]),
              whole_number(path, name, offsets[1])};
  for (const nlohmann::json& side : fields["shape"]) {
    entry.shape.push_back(static_cast<std::int64_t>(whole_number(path, name, side)));
  }
  if (entry.begin > entry.end || entry.end > data_bytes) {
    damaged(path, "tensor '{}' lies at bytes {} to {} of {} bytes of data", shown(name), entry.begin, entry.end, data_bytes);
  }
  const std::uint64_t bytes = byte_count(path, entry);
  if (entry.end - entry.begin != bytes) {
    damaged(path, "tensor '{}' has {} bytes where its shape and type need {}", shown(name), entry.end - entry.begin, bytes);
  }
  return entry;
}

std::map<std::string, std::string> parse_metadata(const std::filesystem::path& path, const nlohmann::json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) damaged(path, "its metadata is not an object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) damaged(path, "its metadata '{}' is not a string", shown(key));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

/// Sorts by place and refuses gaps, overlaps and data that no tensor owns.
void check_layout(const std::filesystem::path& path, std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected) {
      damaged(path, "tensor '{}' begins at byte {} of the data and should begin at {}", shown(entry.name), entry.begin, expected);
    }
    expected = entry.end;
  }
  if (expected != data_bytes) damaged(path, "its tensors cover {} of {} bytes of data", expected, data_bytes);
}

void read_exactly(std::ifstream& stream, const std::filesystem::path& path, void* target, std::uint64_t bytes) {
  stream.read(static_cast<char*>(target), static_cast<std::streamsize>(bytes));
  AFFINIS_CHECK(stream.good() && static_cast<std::uint64_t>(stream.gcount()) == bytes, ErrorCode::kIo,
                "cannot read {}: it ended or failed while it was read; check the disk and read it again", path.string());
}

/// A byte other than 0 and 1 is not a bool to C++, whatever it is to the writer.
void check_bools(const std::filesystem::path& path, const Entry& entry, const at::Tensor& tensor) {
  const auto* bytes = static_cast<const unsigned char*>(tensor.const_data_ptr());
  if (std::any_of(bytes, bytes + tensor.numel(), [](unsigned char byte) { return byte > 1; })) {
    damaged(path, "tensor '{}' of type BOOL holds a byte other than 0 and 1", shown(entry.name));
  }
}

const ElementType& element_type_of(const NamedTensor& entry) {
  for (const ElementType& each : kElementTypes) {
    if (each.type == entry.tensor.scalar_type()) return each;
  }
  fail(ErrorCode::kData, "tensor '{}' has the element type {}, which safetensors files do not hold; convert it first", entry.name,
       c10::toString(entry.tensor.scalar_type()));
}

void check_writable(const std::filesystem::path& path, const TensorFile& file) {
  std::set<std::string> names;
  for (const NamedTensor& entry : file.tensors) {
    AFFINIS_CHECK(entry.tensor.defined(), ErrorCode::kData, "tensor '{}' for {} holds no values", entry.name, path.string());
    AFFINIS_CHECK(entry.name != kMetadataKey && names.insert(entry.name).second, ErrorCode::kData,
                  "the name '{}' for {} is given twice or reserved; rename one of the tensors", entry.name, path.string());
  }
}

std::string header_of(const std::filesystem::path& path, const TensorFile& file, const std::vector<NamedTensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header[kMetadataKey] = file.metadata;
  std::uint64_t place = 0;
  for (const NamedTensor& entry : tensors) {
    const std::uint64_t end = place + entry.tensor.nbytes();
    header[entry.name] = nlohmann::ordered_json{
        {"dtype", element_type_of(entry).name}, {"shape", entry.tensor.sizes().vec()}, {"data_offsets", {place, end}}};
    place = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::kData, "a tensor's name or the metadata for {} is not UTF-8 text", path.string());
  }
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  AFFINIS_CHECK(text.size() <= kMostHeaderBytes, ErrorCode::kData, "the names for {} need a header above 100 MB", path.string());
  return text;
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path) {
  std::error_code error;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, error);
  AFFINIS_CHECK(!error, ErrorCode::kIo, "cannot read {}: {}", path.string(), error.message());
  std::ifstream stream(path, std::ios::binary);
  AFFINIS_CHECK(stream.is_open(), ErrorCode::kIo, "cannot open {}; check that it may be read", path.string());

  if (file_bytes < kLengthBytes) damaged(path, "it has {} bytes and a header alone needs more", file_bytes);
  std::uint64_t header_bytes = 0;
  read_exactly(stream, path, &header_bytes, kLengthBytes);
  if (header_bytes > kMostHeaderBytes || header_bytes > file_bytes - kLengthBytes) {
    damaged(path, "it claims a header of {} bytes in a file of {}", header_bytes, file_bytes);
  }
  std::string text(header_bytes, '\0');
  read_exactly(stream, path, text.data(), header_bytes);

  const std::uint64_t data_bytes = file_bytes - kLengthBytes - header_bytes;
  TensorFile file;
  std::vector<Entry> entries;
  const nlohmann::json header = parse_header(path, text);
  for (const auto& [name, fields] : header.items()) {
    if (name == kMetadataKey) {
      file.metadata = parse_metadata(path, fields);
    } else {
      entries.push_back(parse_entry(path, name, fields, data_bytes));
    }
  }
  check_layout(path, entries, data_bytes);
  for (const Entry& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.type));
    read_exactly(stream, path, tensor.mutable_data_ptr(), entry.end - entry.begin);
    if (entry.type == at::kBool) check_bools(path, entry, tensor);
    file.tensors.push_back({entry.name, std::move(tensor)});
  }
  return file;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  check_writable(path, file);
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& entry : file.tensors) {
    tensors.push_back({entry.name, entry.tensor.detach().to(at::kCPU).contiguous()});
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return a.tensor.element_size() > b.tensor.element_size();
  });
  const std::string header = header_of(path, file, tensors);
  const std::uint64_t header_bytes = header.size();

  AtomicFile target(path);
  std::ofstream stream(target.temporary(), std::ios::binary);
  stream.write(reinterpret_cast<const char*>(&header_bytes), kLengthBytes);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const NamedTensor& entry : tensors) {
    stream.write(static_cast<const char*>(entry.tensor.const_data_ptr()), static_cast<std::streamsize>(entry.tensor.nbytes()));
  }
  stream.close();
  AFFINIS_CHECK(!stream.fail(), ErrorCode::kIo, "cannot write {}: {}; check space and permissions", path.string(),
                std::strerror(errno));
  target.commit();
}

}  // namespace affinis::nn
