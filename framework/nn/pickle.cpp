#include "framework/nn/detail/pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "framework/core/error.h"

namespace affinis::nn::detail {
namespace {

using Kind = PickledValue::Kind;

constexpr std::size_t kMostDimensions = 64;

/// What a pickle may call by name, and what becomes of it.
enum class Global : std::uint8_t { kOrderedDict, kRebuildTensor, kRebuildParameter, kStorage };

constexpr std::array<std::string_view, 10> kStorages = {"DoubleStorage", "FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage",
                                                        "IntStorage",    "ShortStorage", "CharStorage", "ByteStorage",     "BoolStorage"};

/// At most 80 printable characters of a text that a stranger chose.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

class Interpreter {
 public:
  explicit Interpreter(std::string_view bytes) : bytes_(bytes) {}

  Pickle run() {
    while (true) {
      const auto code = static_cast<unsigned char>(take(1).front());
      if (code == '.') break;
      step(code);
    }
    pickle_.root = pop();
    return std::move(pickle_);
  }

 private:
  struct KnownGlobal {
    Global what;
    std::string_view name;
  };

  std::string_view take(std::uint64_t count) {
    AFFINIS_CHECK(count <= bytes_.size() - place_, ErrorCode::kFormat, "its list of tensors ends in the middle");
    const std::string_view result = bytes_.substr(place_, count);
    place_ += count;
    return result;
  }

  std::uint64_t unsigned_number(std::size_t count) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(count).data(), count);
    return value;
  }

  /// Little-endian two's complement of any length; of numbers that do not fit only that there is one is kept.
  std::int64_t long_number(std::uint64_t count) {
    const std::string_view text = take(count);
    if (count > 8 || count == 0) return 0;
    std::uint64_t value = (text.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, text.data(), text.size());
    return static_cast<std::int64_t>(value);
  }

  std::string_view line() {
    const std::size_t end = bytes_.find('\n', place_);
    AFFINIS_CHECK(end != std::string_view::npos, ErrorCode::kFormat, "its list of tensors ends in the middle of a name");
    const std::string_view result = bytes_.substr(place_, end - place_);
    place_ = end + 1;
    return result;
  }

  void push(PickledValue value) { stack_.push_back(value); }
  void push_number(std::int64_t number) { push({Kind::kNumber, 0, number}); }
  void push_text(std::string_view text) {
    push({Kind::kText, index_of(pickle_.texts.size()), 0});
    pickle_.texts.push_back(text);
  }
  void push_list(Kind kind, std::vector<PickledValue> items) {
    push({kind, index_of(pickle_.lists.size()), 0});
    pickle_.lists.push_back(std::move(items));
  }

  static std::uint32_t index_of(std::size_t size) {
    AFFINIS_CHECK(size < UINT32_MAX, ErrorCode::kFormat, "its list of tensors is too long");
    return static_cast<std::uint32_t>(size);
  }

  PickledValue pop() {
    AFFINIS_CHECK(stack_.size() > floor(), ErrorCode::kFormat, "its list of tensors takes more values than it has");
    const PickledValue value = stack_.back();
    stack_.pop_back();
    return value;
  }
  PickledValue& top() {
    AFFINIS_CHECK(stack_.size() > floor(), ErrorCode::kFormat, "its list of tensors takes more values than it has");
    return stack_.back();
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<PickledValue> pop_to_mark() {
    AFFINIS_CHECK(!marks_.empty(), ErrorCode::kFormat, "its list of tensors ends a group that it did not begin");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickledValue> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickledValue> pop_several(std::size_t count) {
    std::vector<PickledValue> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void append(Kind kind, const std::vector<PickledValue>& items) {
    const PickledValue container = top();
    AFFINIS_CHECK(container.kind == kind && (kind != Kind::kDict || items.size() % 2 == 0), ErrorCode::kFormat,
                  "its list of tensors adds to something that takes nothing");
    std::vector<PickledValue>& list = pickle_.lists[container.index];
    list.insert(list.end(), items.begin(), items.end());
  }

  void memoise(std::uint64_t key) { memo_[key] = top(); }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    AFFINIS_CHECK(found != memo_.end(), ErrorCode::kFormat, "its list of tensors recalls something that it did not keep");
    push(found->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    const auto storage = std::find(kStorages.begin(), kStorages.end(), name);
    std::optional<Global> what;
    if (module == "collections" && name == "OrderedDict") what = Global::kOrderedDict;
    if (module == "torch._utils" && name == "_rebuild_tensor_v2") what = Global::kRebuildTensor;
    if (module == "torch._utils" && name == "_rebuild_parameter") what = Global::kRebuildParameter;
    if (module == "torch" && storage != kStorages.end()) what = Global::kStorage;
    AFFINIS_CHECK(what.has_value(), ErrorCode::kFormat, "it holds '{}.{}', which is no part of weights and is not run; in Python, save model.state_dict() alone",
                  shown(module), shown(name));
    push({Kind::kGlobal, index_of(globals_.size()), 0});
    globals_.push_back({*what, storage == kStorages.end() ? name : *storage});
  }

  const KnownGlobal* global(const PickledValue& value) const { return value.kind == Kind::kGlobal ? &globals_[value.index] : nullptr; }
  const std::vector<PickledValue>& items(const PickledValue& value, const char* what) const {
    AFFINIS_CHECK(value.kind == Kind::kList, ErrorCode::kFormat, "it describes a tensor without {}", what);
    return pickle_.lists[value.index];
  }
  static std::int64_t count(const PickledValue& value, const char* what) {
    AFFINIS_CHECK(value.kind == Kind::kNumber && value.number >= 0, ErrorCode::kFormat, "it describes a tensor whose {} is no number from 0 on",
                  what);
    return value.number;
  }
  std::vector<std::int64_t> counts(const PickledValue& value, const char* what) const {
    const std::vector<PickledValue>& list = items(value, what);
    AFFINIS_CHECK(list.size() <= kMostDimensions, ErrorCode::kFormat, "it describes a tensor of {} dimensions", list.size());
    std::vector<std::int64_t> result;
    for (const PickledValue& each : list) result.push_back(count(each, what));
    return result;
  }

  void push_storage(const PickledValue& id) {
    const std::vector<PickledValue>& parts = items(id, "a storage");
    const auto is_text = [&](std::size_t i) { return parts[i].kind == Kind::kText; };
    AFFINIS_CHECK(parts.size() == 5 && is_text(0) && pickle_.texts[parts[0].index] == "storage" && is_text(2), ErrorCode::kFormat,
                  "it refers to something that is no storage of a tensor");
    const KnownGlobal* const type = global(parts[1]);
    AFFINIS_CHECK(type != nullptr && type->what == Global::kStorage, ErrorCode::kFormat, "it has a storage without an element type");
    push({Kind::kStorage, index_of(pickle_.storages.size()), 0});
    pickle_.storages.push_back({type->name, pickle_.texts[parts[2].index], count(parts[4], "number of elements")});
  }

  void call(const PickledValue& function, const PickledValue& arguments) {
    const KnownGlobal* const known = global(function);
    AFFINIS_CHECK(known != nullptr && arguments.kind == Kind::kList, ErrorCode::kFormat, "its list of tensors calls what is no function");
    // A reference: copies of a long list that many calls share would take forever. Nothing below adds a list before its last use.
    const std::vector<PickledValue>& list = pickle_.lists[arguments.index];
    switch (known->what) {
      case Global::kOrderedDict:
        AFFINIS_CHECK(list.empty(), ErrorCode::kFormat, "it begins a dict with values inside, which torch.save does not");
        push_list(Kind::kDict, {});
        return;
      case Global::kRebuildTensor: {
        AFFINIS_CHECK(list.size() >= 4 && list[0].kind == Kind::kStorage, ErrorCode::kFormat, "it describes a tensor without a storage");
        PickledTensor tensor{list[0].index, count(list[1], "offset"), counts(list[2], "shape"), counts(list[3], "strides")};
        AFFINIS_CHECK(tensor.sides.size() == tensor.strides.size(), ErrorCode::kFormat, "it describes a tensor of {} sides with {} strides",
                      tensor.sides.size(), tensor.strides.size());
        push({Kind::kTensor, index_of(pickle_.tensors.size()), 0});
        pickle_.tensors.push_back(std::move(tensor));
        return;
      }
      case Global::kRebuildParameter:
        AFFINIS_CHECK(!list.empty() && list[0].kind == Kind::kTensor, ErrorCode::kFormat, "it describes a parameter without a tensor");
        push(list[0]);
        return;
      case Global::kStorage: fail(ErrorCode::kFormat, "it makes a storage in a way that torch.save does not");
    }
  }

  void step(unsigned char code) {
    switch (code) {
      case 0x80: {  // PROTO
        const std::uint64_t protocol = unsigned_number(1);
        AFFINIS_CHECK(protocol >= 2 && protocol <= 5, ErrorCode::kFormat, "its list of tensors has pickle protocol {}, and 2 to 5 are read",
                      protocol);
        return;
      }
      case 0x95: take(8); return;                       // FRAME
      case 'N': push({}); return;                       // NONE
      case 0x88: push_number(1); return;                // NEWTRUE
      case 0x89: push_number(0); return;                // NEWFALSE
      case 'K': push_number(static_cast<std::int64_t>(unsigned_number(1))); return;
      case 'M': push_number(static_cast<std::int64_t>(unsigned_number(2))); return;
      case 'J': push_number(static_cast<std::int32_t>(static_cast<std::uint32_t>(unsigned_number(4)))); return;
      case 0x8a: push_number(long_number(unsigned_number(1))); return;  // LONG1
      case 0x8b: push_number(long_number(unsigned_number(4))); return;  // LONG4
      case 'G': take(8); push_number(0); return;                        // BINFLOAT
      case 'U': case 0x8c: case 'C': push_text(take(unsigned_number(1))); return;             // SHORT_BINSTRING, SHORT_BINUNICODE, SHORT_BINBYTES
      case 'T': case 'X': case 'B': push_text(take(unsigned_number(4))); return;              // BINSTRING, BINUNICODE, BINBYTES
      case 0x8d: case 0x8e: push_text(take(unsigned_number(8))); return;                      // BINUNICODE8, BINBYTES8
      case ')': push_list(Kind::kList, {}); return;                     // EMPTY_TUPLE
      case ']': push_list(Kind::kList, {}); return;                     // EMPTY_LIST
      case '}': push_list(Kind::kDict, {}); return;                     // EMPTY_DICT
      case '(': marks_.push_back(stack_.size()); return;                // MARK
      case 't': push_list(Kind::kList, pop_to_mark()); return;          // TUPLE
      case 'l': push_list(Kind::kList, pop_to_mark()); return;          // LIST
      case 'd': {                                                       // DICT
        const std::vector<PickledValue> list = pop_to_mark();
        push_list(Kind::kDict, {});
        append(Kind::kDict, list);
        return;
      }
      case 0x85: push_list(Kind::kList, pop_several(1)); return;
      case 0x86: push_list(Kind::kList, pop_several(2)); return;
      case 0x87: push_list(Kind::kList, pop_several(3)); return;
      case 'a': append(Kind::kList, pop_several(1)); return;            // APPEND
      case 'e': append(Kind::kList, pop_to_mark()); return;             // APPENDS
      case 's': append(Kind::kDict, pop_several(2)); return;            // SETITEM
      case 'u': append(Kind::kDict, pop_to_mark()); return;             // SETITEMS
      case 'q': memoise(unsigned_number(1)); return;                    // BINPUT
      case 'r': memoise(unsigned_number(4)); return;                    // LONG_BINPUT
      case 0x94: memoise(memo_.size()); return;                         // MEMOIZE
      case 'h': recall(unsigned_number(1)); return;                     // BINGET
      case 'j': recall(unsigned_number(4)); return;                     // LONG_BINGET
      case '0': pop(); return;                                          // POP
      case 'c': {                                                       // GLOBAL
        const std::string_view module = line();
        push_global(module, line());
        return;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<PickledValue> names = pop_several(2);
        AFFINIS_CHECK(names[0].kind == Kind::kText && names[1].kind == Kind::kText, ErrorCode::kFormat,
                      "its list of tensors names something by what is no name");
        push_global(pickle_.texts[names[0].index], pickle_.texts[names[1].index]);
        return;
      }
      case 'Q': push_storage(pop()); return;  // BINPERSID
      case 'R': {                             // REDUCE
        const std::vector<PickledValue> both = pop_several(2);
        call(both[0], both[1]);
        return;
      }
      case 'b': {  // BUILD: attributes of an OrderedDict (versions of its modules) say nothing that is needed
        pop();
        AFFINIS_CHECK(top().kind == Kind::kDict, ErrorCode::kFormat, "its list of tensors gives attributes to what is no dict");
        return;
      }
      default: fail(ErrorCode::kFormat, "its list of tensors uses the pickle instruction {:#04x}, which weights do not need", code);
    }
  }

  std::string_view bytes_;
  std::size_t place_ = 0;
  Pickle pickle_;
  std::vector<PickledValue> stack_;
  std::vector<std::size_t> marks_;
  std::vector<KnownGlobal> globals_;
  std::unordered_map<std::uint64_t, PickledValue> memo_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes) { return Interpreter(bytes).run(); }

}  // namespace affinis::nn::detail
