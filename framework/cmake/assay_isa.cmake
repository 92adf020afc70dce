# Loops that are built once per instruction set. A file in a folder isa/ sees ASSAY_ISA as baseline, avx2 or avx512 and
# must put everything it defines into a namespace of that name (or an anonymous one): nothing compiled for a newer processor
# may become the linker's choice for code that older ones run. tests/isa_symbols checks the objects for it.
# They are compiled without errno and floating-point traps, which nobody reads: results are the same, and loops with sqrt or
# with a comparison inside become vector code.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ASSAY_ISAS baseline avx2 avx512)
else()
  set(ASSAY_ISAS baseline)
endif()
set(assay_isa_options -O3 -fno-math-errno -fno-trapping-math)
set(assay_isa_flags_baseline "")
set(assay_isa_flags_avx2 -mavx2 -mfma -mf16c)
set(assay_isa_flags_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mprefer-vector-width=512)

# assay_add_isa_sources(NAME FOLDER [LIBRARY...]): adds FOLDER/*.cc to the library once per instruction set, with the libraries'
# compile options.
function(assay_add_isa_sources name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  foreach(isa IN LISTS ASSAY_ISAS)
    set(target assay_${name}_${isa})
    add_library(${target} OBJECT ${sources})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/framework ${CMAKE_SOURCE_DIR})
    target_compile_definitions(${target} PRIVATE ASSAY_ISA=${isa} ASSAY_ISA_${isa}=1)
    target_compile_options(${target} PRIVATE ${assay_isa_flags_${isa}} ${assay_isa_options})
    target_link_libraries(${target} PRIVATE assay_flags ${ARGN})
    target_sources(assay PRIVATE $<TARGET_OBJECTS:${target}>)
  endforeach()
endfunction()
