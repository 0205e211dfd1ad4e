#include "framework/run/pipes.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include "framework/core/error.h"

namespace affinis::run {

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

MessageReader::State MessageReader::read_some() {
  std::array<char, 65536> bytes;
  for (;;) {
    const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
    if (count > 0) {
      buffer_.append(bytes.data(), static_cast<std::size_t>(count));
      return State::kOpen;
    }
    if (count == 0) return State::kClosed;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return State::kOpen;
    if (errno != EINTR) return State::kClosed;
  }
}

std::optional<nlohmann::json> MessageReader::next() {
  const std::size_t end = buffer_.find('\n', start_);
  if (end == std::string::npos) {
    buffer_.erase(0, start_);
    start_ = 0;
    constexpr std::size_t kLongest = std::size_t{64} << 20;
    AFFINIS_CHECK(buffer_.size() < kLongest, ErrorCode::kFormat,
                  "a message has no end after {} bytes", buffer_.size());
    return std::nullopt;
  }
  const std::string line = buffer_.substr(start_, end - start_);
  start_ = end + 1;
  nlohmann::json message = nlohmann::json::parse(line, nullptr, false);
  AFFINIS_CHECK(message.is_object(), ErrorCode::kFormat, "'{}' is not a message",
                line.substr(0, 80));
  return message;
}

bool write_message(int descriptor, const nlohmann::json& message) {
  const std::string line =
      message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd writable{descriptor, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace affinis::run
