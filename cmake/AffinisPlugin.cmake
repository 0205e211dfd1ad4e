# What a plug-in is compiled with, in this tree and from the installed package alike: the target Affinis::plugin and
# affinis_add_plugin(NAME <sources>), a shared library libNAME.so that `affinis --plugin` loads.
#
# Needs the targets affinis_torch (LibTorchTarget.cmake), fmt::fmt and nlohmann_json::nlohmann_json, and
# AFFINIS_PLUGIN_INCLUDE_DIR and AFFINIS_PLUGIN_VERSION: where "framework/task/task.h" is, and the version that the plug-in states.
if(NOT TARGET Affinis::plugin)
  # Affinis' own symbols come from the program that loads the plug-in: linking its libraries would bring a second copy of them.
  add_library(affinis_plugin INTERFACE)
  add_library(Affinis::plugin ALIAS affinis_plugin)
  target_include_directories(affinis_plugin INTERFACE "${AFFINIS_PLUGIN_INCLUDE_DIR}")
  target_link_libraries(affinis_plugin INTERFACE affinis_torch fmt::fmt nlohmann_json::nlohmann_json)
  # LibTorch is built with the newer of libstdc++'s two ABIs; some distributions' compilers still default to the older one.
  target_compile_definitions(affinis_plugin INTERFACE AFFINIS_VERSION="${AFFINIS_PLUGIN_VERSION}" _GLIBCXX_USE_CXX11_ABI=1)
  target_compile_features(affinis_plugin INTERFACE cxx_std_20)
endif()

function(affinis_add_plugin name)
  if(NOT ARGN)
    message(FATAL_ERROR "affinis_add_plugin(${name}) names no source file; write affinis_add_plugin(${name} ${name}.cpp).")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE Affinis::plugin)
endfunction()
