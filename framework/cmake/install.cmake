# The installed package: the program, the library, the headers that a plugin may include, and find_package(assay).
include(CMakePackageConfigHelpers)

# Every header that a plugin can reach. They show no type of another library; tests/plugin_sdk compiles each alone.
set(assay_installed_headers
    plugin.h
    core/bound.h core/dtype.h core/error.h core/named_table.h core/number_beside.h core/quad.h core/random.h core/scalar.h core/shape.h core/tensor.h
    data/dataset.h data/source.h
    graph/differentiate.h graph/fields.h graph/graph.h graph/op.h
    layers/initializer.h layers/layer.h layers/loss.h layers/optimizer.h layers/sample_shape.h layers/schedule.h
    ops/activation.h ops/conv.h ops/dropout.h ops/elementwise.h ops/linear.h ops/loss.h ops/movement.h ops/normalize.h
    ops/operands.h ops/pool.h ops/reduce.h ops/softmax.h ops/update.h ops/window.h
    program/backend.h program/descent.h program/float_offer.h program/generic_activation.h program/generic_kernel.h program/kernel.h
    program/kernel_table.h program/matmul_products.h program/unfold.h
    registry/activation.h registry/gemm_kernels.h registry/plugin_abi.h registry/registry.h registry/table_backend.h)
foreach(header IN LISTS assay_installed_headers)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES framework/assay/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/assay/${folder})
endforeach()

target_link_options(assay PRIVATE -Wl,-Bsymbolic-functions -Wl,--version-script=${CMAKE_SOURCE_DIR}/framework/cmake/exported_symbols.map)
set_target_properties(assay PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/framework/cmake/exported_symbols.map)
target_compile_features(assay INTERFACE cxx_std_20)
install(TARGETS assay EXPORT assayTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET assay_cli)
  set_target_properties(assay_cli PROPERTIES EXPORT_NAME program INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS assay_cli EXPORT assayTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(assay_package ${CMAKE_INSTALL_LIBDIR}/cmake/assay)
install(EXPORT assayTargets NAMESPACE assay:: DESTINATION ${assay_package})
configure_package_config_file(framework/cmake/assayConfig.cmake.in ${CMAKE_BINARY_DIR}/assayConfig.cmake INSTALL_DESTINATION ${assay_package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/assayConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/assayConfig.cmake ${CMAKE_BINARY_DIR}/assayConfigVersion.cmake
              framework/cmake/assay_add_plugin.cmake DESTINATION ${assay_package})
