#include "framework/run/stop_signals.h"

namespace affinis::run {
namespace {

// A signal handler reaches nothing but globals.
volatile std::sig_atomic_t stop_count = 0;
volatile std::sig_atomic_t last_stop = 0;

void count_stop(int number) {
  stop_count = stop_count + 1;
  last_stop = number;
}

}  // namespace

StopSignals::StopSignals() : start_(stop_count) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE}) {
    struct sigaction earlier = {};
    ::sigaction(number, nullptr, &earlier);
    if (number != SIGPIPE && earlier.sa_handler == SIG_IGN) continue;
    struct sigaction ours = {};
    ours.sa_handler = number == SIGPIPE ? SIG_IGN : count_stop;
    ::sigemptyset(&ours.sa_mask);
    ours.sa_flags = SA_RESTART;
    ::sigaction(number, &ours, nullptr);
    earlier_.emplace_back(number, earlier);
  }
}

StopSignals::~StopSignals() {
  for (const auto& [number, earlier] : earlier_) ::sigaction(number, &earlier, nullptr);
}

int StopSignals::count() const { return stop_count - start_; }

int StopSignals::last() { return last_stop; }

}  // namespace affinis::run
