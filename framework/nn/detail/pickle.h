#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

// The part of Python's pickle language that weights are written in. Free of LibTorch.
namespace affinis::nn::detail {

/// A tensor as the pickle describes it: a view of a storage that lies elsewhere.
struct PickledTensor {
  std::uint32_t storage = 0;  ///< index into Pickle::storages
  std::int64_t offset = 0;    ///< in elements
  std::vector<std::int64_t> sides;
  std::vector<std::int64_t> strides;
};

struct PickledStorage {
  std::string_view type;  ///< "FloatStorage"
  std::string_view key;   ///< names the archive's member
  std::int64_t elements = 0;
};

/// One object. Containers and tensors are indices, so that what a pickle mentions twice exists once and what contains itself is no trouble.
struct PickledValue {
  enum class Kind : std::uint8_t { kNone, kNumber, kText, kList, kDict, kTensor, kStorage, kGlobal };
  Kind kind = Kind::kNone;
  std::uint32_t index = 0;   ///< into the list of its kind
  std::int64_t number = 0;   ///< kNumber, when it is whole; 0 for real numbers, of which nothing depends here
};

/// What a pickle says. Text is that of the bytes it was read from, which must outlive it.
struct Pickle {
  std::vector<std::string_view> texts;
  std::vector<std::vector<PickledValue>> lists;  ///< lists and tuples; dicts as key, value, key, value
  std::vector<PickledTensor> tensors;
  std::vector<PickledStorage> storages;
  PickledValue root;
};

/// Interprets a pickle of protocol 2 to 5. Nothing is executed: names of functions other than those few that weights are made by are
/// refused. Memory stays within a small multiple of the bytes. Throws Error(kFormat) that says what is wrong; the caller names the file.
Pickle read_pickle(std::string_view bytes);

}  // namespace affinis::nn::detail
