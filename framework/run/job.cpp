#include "framework/run/job.h"

#include <algorithm>

namespace affinis::run {

std::string Job::stage() const { return name.substr(0, name.find('/')); }

std::any WorkerMemory::get(const std::string& key,
                           const std::function<std::pair<std::any, std::size_t>()>& make) {
  ++clock_;
  if (const auto found = items_.find(key); found != items_.end()) {
    found->second.used = clock_;
    return found->second.value;
  }
  auto [value, bytes] = make();
  if (bytes > limit_bytes_) return value;
  while (bytes_ + bytes > limit_bytes_) {
    const auto oldest = std::min_element(
        items_.begin(), items_.end(),
        [](const auto& left, const auto& right) { return left.second.used < right.second.used; });
    bytes_ -= oldest->second.bytes;
    items_.erase(oldest);
  }
  // `make` may itself have filled this key through a nested get().
  if (const auto again = items_.find(key); again != items_.end()) {
    bytes_ -= again->second.bytes;
    items_.erase(again);
  }
  items_[key] = {value, bytes, clock_};
  bytes_ += bytes;
  return value;
}

}  // namespace affinis::run
