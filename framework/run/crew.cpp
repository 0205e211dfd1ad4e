#include "framework/run/crew.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace affinis::run {

Crew::~Crew() {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kPatience{2};
  constexpr std::chrono::milliseconds kPause{2};
  dismiss();
  // Those that do not end by themselves are killed by their destructors.
  const auto give_up = Clock::now() + kPatience;
  const auto lives = [](auto& entry) { return !entry.second->ended(); };
  while (std::any_of(idle_.begin(), idle_.end(), lives) && Clock::now() < give_up) std::this_thread::sleep_for(kPause);
}

void Crew::dismiss() {
  for (auto& [device, worker] : idle_) worker->close_input();
}

std::shared_ptr<const RunLock> Crew::lock(const std::filesystem::path& folder) {
  if (!lock_) lock_ = std::make_shared<const RunLock>(folder);
  return lock_;
}

std::unique_ptr<WorkerProcess> Crew::take(const std::string& device) {
  const auto it = idle_.find(device);
  if (it == idle_.end()) return nullptr;
  std::unique_ptr<WorkerProcess> worker = std::move(it->second);
  idle_.erase(it);
  return worker->ended() ? nullptr : std::move(worker);
}

void Crew::keep(const std::string& device, std::unique_ptr<WorkerProcess> worker) { idle_.emplace(device, std::move(worker)); }

}  // namespace affinis::run
