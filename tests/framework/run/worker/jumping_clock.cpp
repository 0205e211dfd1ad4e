// LD_PRELOAD: the wall clock jumps by up to a month, forwards and back, at every look. Clocks that only measure stay as they are.
#include <atomic>
#include <ctime>

#include <dlfcn.h>
#include <sys/time.h>

namespace {

time_t jump() {
  static std::atomic<unsigned> looks = 0;
  constexpr time_t kDay = 86400;
  constexpr unsigned kSpread = 61;
  constexpr unsigned kStep = 37;
  const unsigned at = looks.fetch_add(1) * kStep % kSpread;
  return (static_cast<time_t>(at) - 30) * kDay;
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto original = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int code = original(clock, time);
  if (code == 0 && clock == CLOCK_REALTIME) time->tv_sec += jump();
  return code;
}

int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept {
  static const auto original = real<int (*)(timeval*, void*)>("gettimeofday");
  const int code = original(time, zone);
  if (code == 0) time->tv_sec += jump();
  return code;
}

time_t time(time_t* out) noexcept {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
