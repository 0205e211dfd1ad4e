# Third-party libraries, each as one target. cmake/setup.sh installs all of them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(TBB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(embree 3 REQUIRED)

pkg_check_modules(deflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(hdf5 REQUIRED IMPORTED_TARGET hdf5)
pkg_check_modules(zip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)

# OpenCV's own CMake package comes only with libopencv-dev, which drags a window system in; three modules are all we use.
find_path(OPENCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4 REQUIRED)
add_library(affinis_opencv INTERFACE)
target_include_directories(affinis_opencv SYSTEM INTERFACE "${OPENCV_INCLUDE_DIR}")
foreach(module core imgproc imgcodecs)
  find_library(OPENCV_${module}_LIBRARY opencv_${module} REQUIRED)
  target_link_libraries(affinis_opencv INTERFACE "${OPENCV_${module}_LIBRARY}")
endforeach()

if(AFFINIS_TORCH)
  include(LibTorch)
endif()
