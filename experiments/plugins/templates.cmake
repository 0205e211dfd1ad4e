# The plug-in projects that `affinis tasks new` writes are built into the program.
foreach(template dense.cpp segmentation.cpp classification.cpp regression.cpp pair.cpp triplet.cpp CMakeLists.txt.in README.md.in)
  set(path "${CMAKE_CURRENT_LIST_DIR}/templates/${template}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
  get_filename_component(name "${template}" NAME_WE)
  file(READ "${path}" AFFINIS_TEMPLATE_${name})
endforeach()
configure_file("${CMAKE_CURRENT_LIST_DIR}/templates.cpp.in" "${CMAKE_CURRENT_BINARY_DIR}/plugin_templates.cpp" @ONLY)
target_sources(affinis_experiments PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/plugin_templates.cpp")
