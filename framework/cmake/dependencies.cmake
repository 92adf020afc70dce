# Finds what the framework links to. A missing optional backend is a line of the summary, never a failed build.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

find_package(Eigen3 3.4 NO_MODULE QUIET)
find_package(OpenMP QUIET COMPONENTS CXX)
# Debian 12's dnnl package file asks for OpenCL, which ocl-icd-opencl-dev provides.
find_package(dnnl QUIET)

if(TARGET yaml-cpp::yaml-cpp)
  set(ASSAY_YAML yaml-cpp::yaml-cpp)
else()
  set(ASSAY_YAML yaml-cpp)  # the name before yaml-cpp 0.8
endif()

set(ASSAY_DEPENDENCIES Threads::Threads fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json pugixml::pugixml ${ASSAY_YAML}
    Boost::headers OpenSSL::Crypto ZLIB::ZLIB PkgConfig::libzip PkgConfig::xxhash ${CMAKE_DL_LIBS})

set(assay_missing_eigen "libeigen3-dev")
set(assay_missing_openmp "libgomp1 g++ (or libomp-dev with clang)")
set(assay_missing_onednn "libdnnl-dev ocl-icd-opencl-dev")
set_property(GLOBAL PROPERTY ASSAY_SUMMARY "")

# assay_add_backend(NAME REQUIRES TARGET...): adds backends/NAME to the library where every TARGET was found.
# Files in backends/NAME/isa/ are built once per instruction set (see assay_isa.cmake).
function(assay_add_backend name)
  cmake_parse_arguments(arg "" "" "REQUIRES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/backends/${name}/*.cc)
  string(TOUPPER ${name} upper)
  foreach(required IN LISTS arg_REQUIRES)
    if(NOT TARGET ${required})
      set_property(GLOBAL APPEND PROPERTY ASSAY_SUMMARY "backend ${name}: absent; install it with: apt-get install ${assay_missing_${name}}")
      return()
    endif()
  endforeach()
  if(NOT sources)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY ASSAY_SUMMARY "backend ${name}: built")
  target_sources(assay PRIVATE ${sources})
  foreach(required IN LISTS arg_REQUIRES)
    target_link_libraries(assay PRIVATE $<BUILD_INTERFACE:${required}>)
  endforeach()
  target_compile_definitions(assay_flags INTERFACE ASSAY_WITH_${upper}=1)
  assay_add_isa_sources(${name} backends/${name}/isa ${arg_REQUIRES})
endfunction()

function(assay_summary)
  message(STATUS "assay ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  get_property(lines GLOBAL PROPERTY ASSAY_SUMMARY)
  foreach(line IN LISTS lines)
    message(STATUS "  ${line}")
  endforeach()
endfunction()
