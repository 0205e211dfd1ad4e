#pragma once

// One body, compiled for several instruction sets; the loader picks. Thread sanitizers cannot follow that choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define AFFINIS_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define AFFINIS_SIMD
#endif

// Before a loop whose turns touch no memory of one another.
#if defined(__clang__)
#define AFFINIS_NO_OVERLAP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define AFFINIS_NO_OVERLAP _Pragma("GCC ivdep")
#else
#define AFFINIS_NO_OVERLAP
#endif
