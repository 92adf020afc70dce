# assay_add_plugin(NAME SOURCE...): the plugin NAME.so. Libraries that it needs: target_link_libraries(NAME PRIVATE ...).
function(assay_add_plugin name)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL assay_COMPILER OR NOT CMAKE_CXX_COMPILER_VERSION STREQUAL assay_COMPILER_VERSION)
    message(WARNING "assay was built by ${assay_COMPILER} ${assay_COMPILER_VERSION}, and ${name} is being built by "
                    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}: assay refuses plugins of another compiler "
                    "or another major version of it")
  endif()
  add_library(${name} MODULE ${ARGN})
  # What a plugin contains is its own: its functions must not take the place of another's, nor another's of its.
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX .so CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                                           CXX_EXTENSIONS OFF CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  # As assay itself: the order of floating-point operations is part of the result. Optimised where no build type is chosen.
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -ffp-contract=off $<$<CONFIG:>:-O2>)
  target_link_libraries(${name} PRIVATE assay::assay)
  if(assay_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${assay_SANITIZE} -fno-omit-frame-pointer -g)
    target_link_options(${name} PRIVATE -fsanitize=${assay_SANITIZE})
  endif()
endfunction()
