# LibTorch in AFFINIS_LIBTORCH as one target, affinis_torch, written by hand: find_package(Torch) of the 2.11 CUDA wheel fails to configure
# on a machine without a matching CUDA toolkit, even for a program that uses the CPU only. Also part of the installed package.
if(TARGET affinis_torch)
  return()
endif()
add_library(affinis_torch INTERFACE)
target_include_directories(affinis_torch SYSTEM INTERFACE
  "${AFFINIS_LIBTORCH}/include" "${AFFINIS_LIBTORCH}/include/torch/csrc/api/include")
target_link_libraries(affinis_torch INTERFACE
  "${AFFINIS_LIBTORCH}/lib/libtorch_cpu.so" "${AFFINIS_LIBTORCH}/lib/libc10.so")
# The OpenMP runtime that comes with LibTorch, for whoever shares work out among its threads.
file(GLOB AFFINIS_OPENMP_RUNTIME "${AFFINIS_LIBTORCH}/lib/libgomp*.so*")
if(AFFINIS_OPENMP_RUNTIME)
  list(GET AFFINIS_OPENMP_RUNTIME 0 AFFINIS_OPENMP_RUNTIME)
  target_link_libraries(affinis_torch INTERFACE "${AFFINIS_OPENMP_RUNTIME}")
endif()
target_link_options(affinis_torch INTERFACE "-Wl,-rpath,${AFFINIS_LIBTORCH}/lib")
if(AFFINIS_CUDA)
  target_compile_definitions(affinis_torch INTERFACE AFFINIS_CUDA=1)
  # Nothing refers to a symbol of these: without --no-as-needed the linker drops them and the CUDA backend never registers.
  target_link_libraries(affinis_torch INTERFACE
    "-Wl,--no-as-needed" "${AFFINIS_LIBTORCH}/lib/libtorch_cuda.so" "${AFFINIS_LIBTORCH}/lib/libc10_cuda.so" "-Wl,--as-needed")
endif()

# The PyTorch wheel brings headers of another fmt (namespace fmt::v12) in its include folder, where they would hide the installed fmt that
# core is built with: everything that uses LibTorch looks for fmt/ here first.
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
if(NOT fmt_include OR NOT EXISTS "${fmt_include}/fmt/core.h")
  find_path(affinis_fmt_include fmt/core.h REQUIRED)
  set(fmt_include "${affinis_fmt_include}")
endif()
set(fmt_first "${CMAKE_BINARY_DIR}/fmt_before_torch")
file(MAKE_DIRECTORY "${fmt_first}")
file(CREATE_LINK "${fmt_include}/fmt" "${fmt_first}/fmt" SYMBOLIC)
target_include_directories(affinis_torch SYSTEM BEFORE INTERFACE "${fmt_first}")
