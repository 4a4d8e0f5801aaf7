# Where things go: programs in build/bin, libraries in build/lib.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
find_program(PLUMBLINE_CCACHE ccache)
if(PLUMBLINE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${PLUMBLINE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${PLUMBLINE_CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${PLUMBLINE_CCACHE}")
endif()

# plumbline_add_library(NAME sources...): static library plumbline_NAME, alias plumbline::NAME, includes rooted at src/ and the top.
# What only the build needs of a library that is installed stands in $<BUILD_INTERFACE:...>: header-only third parties, flags.
function(plumbline_add_library name)
  add_library(plumbline_${name} STATIC ${ARGN})
  add_library(plumbline::${name} ALIAS plumbline_${name})
  target_include_directories(plumbline_${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>" "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  target_link_libraries(plumbline_${name} PRIVATE $<BUILD_INTERFACE:plumbline::strict>)
  set_target_properties(plumbline_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${name})
endfunction()
