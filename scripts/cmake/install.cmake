# cmake --install: both programs side by side, the public headers, the libraries behind them as the package "Plumbline"
# (targets plumbline::trace, plumbline::compare, ...), manual page, completions, and the pages of the two formats. Nothing
# installed names a path of the build.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(plumbline_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Plumbline")

install(TARGETS plumbline plumbline-run RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
# The twin's kernels are shared libraries (kernels.cmake says why); plumbline-run finds them relative to itself.
set(plumbline_kernel_dir "${CMAKE_INSTALL_LIBDIR}/plumbline")
foreach(kernels IN ITEMS pipeline embedding rmsnorm linear rmsnorm_qkv heads attention swiglu elementwise softcap greedy fences gather poison statistics faults)
  install(TARGETS plumbline_twin_${kernels} LIBRARY DESTINATION "${plumbline_kernel_dir}")
endforeach()
file(RELATIVE_PATH plumbline_from_programs "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}/plumbline")
set_property(TARGET plumbline-run APPEND PROPERTY INSTALL_RPATH "$ORIGIN/${plumbline_from_programs}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/plumbline" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")

# What the public headers declare lies in these; what lies above them has no public header.
foreach(part IN ITEMS core contract trace model compare oracle trial locate)
  install(TARGETS plumbline_${part} EXPORT PlumblineTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
endforeach()
install(EXPORT PlumblineTargets NAMESPACE plumbline:: DESTINATION "${plumbline_package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/PlumblineConfig.cmake.in" "${CMAKE_BINARY_DIR}/PlumblineConfig.cmake"
  INSTALL_DESTINATION "${plumbline_package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/PlumblineConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/PlumblineConfig.cmake" "${CMAKE_BINARY_DIR}/PlumblineConfigVersion.cmake"
  DESTINATION "${plumbline_package_dir}")

# plumbline_said(FILE words...): what `plumbline words...` prints, as a file of the build.
set(plumbline_manual "${CMAKE_BINARY_DIR}/manual")
file(MAKE_DIRECTORY "${plumbline_manual}")
function(plumbline_said file)
  add_custom_command(OUTPUT "${plumbline_manual}/${file}" COMMAND plumbline ${ARGN} > "${plumbline_manual}/${file}"
    DEPENDS plumbline plumbline-run VERBATIM)
endfunction()
plumbline_said(plumbline.1 man)
plumbline_said(plumbline.bash completions bash)
plumbline_said(_plumbline completions zsh)
plumbline_said(plumbline.fish completions fish)
add_custom_target(plumbline_manual ALL DEPENDS "${plumbline_manual}/plumbline.1" "${plumbline_manual}/plumbline.bash"
  "${plumbline_manual}/_plumbline" "${plumbline_manual}/plumbline.fish")
install(FILES "${plumbline_manual}/plumbline.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${plumbline_manual}/plumbline.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
  RENAME plumbline)
install(FILES "${plumbline_manual}/_plumbline" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
install(FILES "${plumbline_manual}/plumbline.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")

install(FILES "${PROJECT_SOURCE_DIR}/dumps/schema/README.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME trace-schema.md)
install(FILES "${PROJECT_SOURCE_DIR}/dumps/schema/plumbline-audit.schema.json" "${PROJECT_SOURCE_DIR}/dumps/schema/plumbline-generate.schema.json"
  "${PROJECT_SOURCE_DIR}/dumps/schema/plumbline-noise.schema.json"
  "${PROJECT_SOURCE_DIR}/dumps/schema/plumbline-report.schema.json" "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}")
