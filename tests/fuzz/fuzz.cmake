# Fuzz targets, one per file of tests/fuzz. As tests, every file of corpus/TARGET goes through its target once, and so do the
# files of experiments and of the unit tests; to look for new inputs, tests/fuzz/run builds the targets with libFuzzer
# (-DASSAY_FUZZ=ON, clang).
set(fuzz_folder ${CMAKE_CURRENT_LIST_DIR})
set(fuzz_targets yaml experiment safetensors checkpoint npz idx csv)
set(fuzz_seeds experiments/seed experiments/fashion_mnist experiments/synthetic experiments/sweeps tests/unit/data)
list(TRANSFORM fuzz_seeds PREPEND ${CMAKE_SOURCE_DIR}/)

if(NOT ASSAY_FUZZ)
  add_library(fuzz_replay OBJECT ${fuzz_folder}/replay.cc)
  target_include_directories(fuzz_replay PRIVATE ${fuzz_folder}/.. ${CMAKE_SOURCE_DIR}/framework)
  target_link_libraries(fuzz_replay PRIVATE assay_flags fmt::fmt)
  if(ASSAY_SANITIZE)
    target_compile_definitions(fuzz_replay PRIVATE ASSAY_SANITIZED=1)
  endif()
  foreach(target IN LISTS fuzz_targets)
    add_executable(fuzz_${target} ${fuzz_folder}/${target}.cc)
    target_include_directories(fuzz_${target} PRIVATE ${fuzz_folder}/..)
    target_link_libraries(fuzz_${target} PRIVATE fuzz_replay assay assay_flags fmt::fmt)
    target_compile_options(fuzz_${target} PRIVATE $<$<CONFIG:Release>:-O0>)
    add_test(NAME fuzz/${target} COMMAND fuzz_${target} ${fuzz_folder}/corpus/${target} ${fuzz_seeds})
  endforeach()
  return()
endif()

# With the fuzzer, only what the targets reach is built, and all of it is instrumented.
set(fuzz_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
function(assay_add_instrumented name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/framework ${CMAKE_SOURCE_DIR} ${fuzz_folder}/..)
  target_compile_options(${name} PUBLIC ${fuzz_sanitizers} PRIVATE -fsanitize=fuzzer-no-link -O1)
  target_link_options(${name} PUBLIC ${fuzz_sanitizers})
  target_link_libraries(${name} PUBLIC assay_flags ${ASSAY_DEPENDENCIES})
endfunction()

set(framework ${CMAKE_SOURCE_DIR}/framework/assay)
set(syntax ${framework}/experiment/checkpoint.cc ${framework}/experiment/config_tree.cc ${framework}/experiment/emit_yaml.cc
    ${framework}/experiment/flat_config.cc ${framework}/experiment/source_text.cc ${framework}/experiment/yaml_parser.cc
    ${framework}/experiment/yaml_syntax.cc)
file(GLOB readers CONFIGURE_DEPENDS ${framework}/core/*.cc ${framework}/data/*.cc)
list(FILTER readers EXCLUDE REGEX "/data/.*source.*\\.cc$")
assay_add_instrumented(fuzzed_readers ${readers} ${syntax})
file(GLOB rest CONFIGURE_DEPENDS ${framework}/data/*source*.cc ${framework}/graph/*.cc ${framework}/layers/*.cc ${framework}/ops/*.cc
     ${framework}/program/*.cc ${framework}/registry/*.cc ${framework}/experiment/*.cc ${CMAKE_SOURCE_DIR}/backends/reference/*.cc)
list(REMOVE_ITEM rest ${syntax})
assay_add_instrumented(fuzzed_experiment ${rest})
# No experiment is run: the reference stands for every backend.
set_source_files_properties(${framework}/registry/builtin.cc PROPERTIES
  COMPILE_OPTIONS "-UASSAY_WITH_EIGEN;-UASSAY_WITH_OPENMP;-UASSAY_WITH_ONEDNN")
target_link_libraries(fuzzed_experiment PUBLIC fuzzed_readers)

foreach(target IN LISTS fuzz_targets)
  add_executable(fuzz_${target} ${fuzz_folder}/${target}.cc)
  target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz_${target} PRIVATE fuzzed_readers)
endforeach()
target_link_libraries(fuzz_experiment PRIVATE fuzzed_experiment)
