# cmake --install: the program, the headers that a plug-in may include, and the package behind find_package(Affinis). The build folder
# holds such a package too, so that plug-ins are built against it without installing (-DAffinis_DIR=build/release).
include(CMakePackageConfigHelpers)

install(FILES LICENSE DESTINATION share/doc/affinis)
if(NOT AFFINIS_TORCH)
  # Tasks need LibTorch: without it there is nothing to plug in to.
  install(TARGETS affinis RUNTIME DESTINATION bin)
  return()
endif()

set(affinis_rpath "${AFFINIS_LIBTORCH}/lib")
if(AFFINIS_CUDA)
  foreach(library IN ITEMS "${AFFINIS_NCCL_LIBRARY}" "${AFFINIS_CUDART_LIBRARY}")
    get_filename_component(folder "${library}" DIRECTORY)
    list(APPEND affinis_rpath "${folder}")
  endforeach()
endif()
set_target_properties(affinis PROPERTIES INSTALL_RPATH "${affinis_rpath}")
install(TARGETS affinis EXPORT AffinisTargets RUNTIME DESTINATION bin)
install(EXPORT AffinisTargets NAMESPACE Affinis:: DESTINATION lib/cmake/Affinis)
export(EXPORT AffinisTargets NAMESPACE Affinis:: FILE "${PROJECT_BINARY_DIR}/AffinisTargets.cmake")

foreach(folder framework tasks transfer taxonomy)
  install(DIRECTORY "${folder}" DESTINATION include/affinis FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES cmake/LibTorchTarget.cmake cmake/AffinisPlugin.cmake DESTINATION lib/cmake/Affinis)

file(STRINGS "${AFFINIS_LIBTORCH}/include/torch/headeronly/version.h" AFFINIS_TORCH_VERSION REGEX "^ *\"[0-9.]+\"")
string(REGEX REPLACE "[ \"]" "" AFFINIS_TORCH_VERSION "${AFFINIS_TORCH_VERSION}")

# The installed package finds its files beside itself, so that the prefix may be moved.
set(AFFINIS_PACKAGE_INIT "get_filename_component(affinis_prefix \"\${CMAKE_CURRENT_LIST_DIR}/../../..\" ABSOLUTE)")
set(AFFINIS_PACKAGE_INCLUDE_DIR "\${affinis_prefix}/include/affinis")
set(AFFINIS_PACKAGE_MODULE_DIR "\${CMAKE_CURRENT_LIST_DIR}")
configure_file(cmake/AffinisConfig.cmake.in "${PROJECT_BINARY_DIR}/installed/AffinisConfig.cmake" @ONLY)

set(AFFINIS_PACKAGE_INIT "")
set(AFFINIS_PACKAGE_INCLUDE_DIR "${PROJECT_SOURCE_DIR}")
set(AFFINIS_PACKAGE_MODULE_DIR "${PROJECT_SOURCE_DIR}/cmake")
configure_file(cmake/AffinisConfig.cmake.in "${PROJECT_BINARY_DIR}/AffinisConfig.cmake" @ONLY)

# Before 1.0 a plug-in fits the version that it was built for, no other.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/AffinisConfigVersion.cmake" VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/installed/AffinisConfig.cmake" "${PROJECT_BINARY_DIR}/AffinisConfigVersion.cmake"
  DESTINATION lib/cmake/Affinis)
