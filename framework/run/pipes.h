#pragma once

#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace affinis::run {

/// An open file descriptor, closed by the destructor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void close();

 private:
  int number_ = -1;
};

/// The JSON objects, one a line, that arrive at a descriptor.
class MessageReader {
 public:
  enum class State { kOpen, kClosed };

  explicit MessageReader(int descriptor) : descriptor_(descriptor) {}

  /// Reads what is there: blocks when the descriptor does. kClosed at the end of the stream.
  State read_some();
  /// The next whole line, parsed; nothing when there is none yet. Throws Error(kFormat) when a line is no JSON object.
  std::optional<nlohmann::json> next();

 private:
  int descriptor_;
  std::string buffer_;
  std::size_t start_ = 0;
};

/// Writes one message as a line; false when the other side has closed its end (SIGPIPE must be ignored).
bool write_message(int descriptor, const nlohmann::json& message);

}  // namespace affinis::run
