#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

// Memory that is asked for while an input is read, counted by the sanitizer's hooks.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                                         void (*free_hook)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void*);

namespace affinis::fuzz {

inline std::size_t live_bytes = 0;
inline std::size_t most_bytes = 0;

/// Aborts when more memory was in use at one time, since it was made, than `factor` times the input and `constant`.
class AllocationGuard {
 public:
  AllocationGuard(std::size_t input, std::size_t factor, std::size_t constant) : limit_(input * factor + constant) {
    static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t size) {
          live_bytes += size;
          most_bytes = std::max(most_bytes, live_bytes);
        },
        [](const volatile void* pointer) {
          if (pointer != nullptr) live_bytes -= std::min(live_bytes, __sanitizer_get_allocated_size(pointer));
        });
    static_cast<void>(installed);
    live_bytes = 0;
    most_bytes = 0;
  }
  ~AllocationGuard() {
    if (most_bytes <= limit_) return;
    std::fprintf(stderr, "%zu bytes were in use, and %zu are allowed\n", most_bytes, limit_);
    std::abort();
  }

 private:
  std::size_t limit_;
};

}  // namespace affinis::fuzz
