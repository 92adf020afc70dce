# The installed package: installed into the build folder, and plugins built against it as a user would. Both are fixtures,
# made once for all tests that need them.
set(sdk ${CMAKE_BINARY_DIR}/plugin_sdk)
add_test(NAME plugin_sdk/install COMMAND ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --prefix ${sdk}/prefix)
set_tests_properties(plugin_sdk/install PROPERTIES FIXTURES_SETUP sdk_prefix)
set(sdk_options -DCMAKE_PREFIX_PATH=${sdk}/prefix -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -DCMAKE_BUILD_TYPE=)
foreach(set IN ITEMS examples=${CMAKE_SOURCE_DIR}/plugins refused=${CMAKE_CURRENT_SOURCE_DIR}/refused_plugins)
  string(REGEX MATCH "(.*)=(.*)" _ ${set})
  add_test(NAME plugin_sdk/build_${CMAKE_MATCH_1}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_MATCH_2} ${sdk}/${CMAKE_MATCH_1} --build-generator ${CMAKE_GENERATOR}
                   --build-noclean --build-options ${sdk_options})
  set_tests_properties(plugin_sdk/build_${CMAKE_MATCH_1} PROPERTIES FIXTURES_REQUIRED sdk_prefix FIXTURES_SETUP sdk_plugins TIMEOUT 300)
endforeach()

assay_add_tests(plugin_sdk FIXTURES_REQUIRED sdk_plugins)
target_compile_definitions(plugin_sdk_tests PRIVATE ASSAY_SDK_PREFIX="${sdk}/prefix" ASSAY_SDK_EXAMPLES="${sdk}/examples"
                                                    ASSAY_SDK_REFUSED="${sdk}/refused")
add_dependencies(plugin_sdk_tests assay_cli)

# Installed headers stand alone, without a warning, and show nothing of the libraries behind them.
foreach(compiler IN ITEMS g++ clang++)
  find_program(SDK_${compiler} ${compiler})
  if(SDK_${compiler})
    add_test(NAME plugin_sdk/headers_${compiler} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/headers_alone ${SDK_${compiler}} ${sdk}/prefix/include)
    set_tests_properties(plugin_sdk/headers_${compiler} PROPERTIES FIXTURES_REQUIRED sdk_prefix PROCESSORS 2 TIMEOUT 300)
  endif()
endforeach()
