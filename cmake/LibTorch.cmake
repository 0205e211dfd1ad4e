# LibTorch as one target, affinis_torch, written by hand: find_package(Torch) of the 2.11 CUDA wheel fails to configure on a
# machine without a matching CUDA toolkit, even for a program that uses the CPU only.
set(affinis_libtorch_default "")
if(DEFINED ENV{AFFINIS_LIBTORCH})
  set(affinis_libtorch_default "$ENV{AFFINIS_LIBTORCH}")
else()
  if(DEFINED ENV{AFFINIS_CACHE})
    set(affinis_cache "$ENV{AFFINIS_CACHE}")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(affinis_cache "$ENV{XDG_CACHE_HOME}/affinis")
  else()
    set(affinis_cache "$ENV{HOME}/.cache/affinis")
  endif()
  if(AFFINIS_CUDA)
    set(affinis_libtorch_default "${affinis_cache}/libtorch-2.11.0-cuda/torch")
  else()
    set(affinis_libtorch_default "${affinis_cache}/libtorch-2.11.0-cpu/torch")
  endif()
endif()
set(AFFINIS_LIBTORCH "${affinis_libtorch_default}" CACHE PATH "Folder of LibTorch 2.11 (holds include/ and lib/)")

if(NOT EXISTS "${AFFINIS_LIBTORCH}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "No LibTorch in '${AFFINIS_LIBTORCH}': run cmake/setup.sh, or set AFFINIS_LIBTORCH to an unpacked LibTorch 2.11.")
endif()

add_library(affinis_torch INTERFACE)
target_include_directories(affinis_torch SYSTEM INTERFACE
  "${AFFINIS_LIBTORCH}/include" "${AFFINIS_LIBTORCH}/include/torch/csrc/api/include")
target_link_libraries(affinis_torch INTERFACE
  "${AFFINIS_LIBTORCH}/lib/libtorch_cpu.so" "${AFFINIS_LIBTORCH}/lib/libc10.so")
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
set(fmt_first "${PROJECT_BINARY_DIR}/fmt_before_torch")
file(MAKE_DIRECTORY "${fmt_first}")
file(CREATE_LINK "${fmt_include}/fmt" "${fmt_first}/fmt" SYMBOLIC)
target_include_directories(affinis_torch SYSTEM BEFORE INTERFACE "${fmt_first}")
