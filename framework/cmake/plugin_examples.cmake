# The examples of plugins/ as strings in the program, for `assay plugin new`.
set(examples "")
foreach(example swish gated_linear cumulative_sum avx512_add tiled lion rings)
  foreach(file CMakeLists.txt ${example}.cc ${example}.yaml)
    set(path ${CMAKE_SOURCE_DIR}/plugins/${example}/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} text)
    string(APPEND examples "    {\"${example}\", \"${file}\", R\"example(${text})example\"},\n")
  endforeach()
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/plugin_examples.new "// Made from plugins/ by plugin_examples.cmake.
#include <string_view>
#include <vector>

namespace assay::cli {
struct ExampleFile {
  std::string_view example, file, text;
};
extern const std::vector<ExampleFile> example_files;
const std::vector<ExampleFile> example_files{
${examples}};
}  // namespace assay::cli
")
configure_file(${CMAKE_BINARY_DIR}/plugin_examples.new ${CMAKE_BINARY_DIR}/plugin_examples.cc COPYONLY)
target_sources(assay_cli PRIVATE ${CMAKE_BINARY_DIR}/plugin_examples.cc)
