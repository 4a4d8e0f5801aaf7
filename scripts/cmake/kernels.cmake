# SPDX-License-Identifier: Apache-2.0
# plumbline_add_kernels(NAME sources.cu... [LIBS targets...]): the same sources twice.
#   plumbline_twin_NAME  shared library for the CPU, always. Shared, and nothing else in it, because its thread-local
#                        storage is the kernels' shared memory, which the twin finds and poisons library by library.
#   plumbline_cuda_NAME  static library by nvcc, where PLUMBLINE_HAVE_CUDA.
# LIBS are what the host code calls (plumbline::core, plumbline::model...). Sources are relative to the calling folder.
set(plumbline_twin_arch_default "")
set(PLUMBLINE_TWIN_X86 FALSE)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(PLUMBLINE_TWIN_X86 TRUE)
  set(plumbline_twin_arch_default "x86-64")
  if(EXISTS /proc/cpuinfo)
    file(READ /proc/cpuinfo plumbline_cpuinfo LIMIT 4096)
    if(plumbline_cpuinfo MATCHES " avx2 " AND plumbline_cpuinfo MATCHES " fma " AND plumbline_cpuinfo MATCHES " bmi2 ")
      set(plumbline_twin_arch_default "x86-64-v3")
    endif()
  endif()
endif()
set(PLUMBLINE_TWIN_ARCH "${plumbline_twin_arch_default}" CACHE STRING
  "-march of the kernels' host code: x86-64-v3 has FMA in hardware; with x86-64 the C library's fma gives the same bits, slower")

function(plumbline_add_kernels name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  set(wrappers)
  foreach(source IN LISTS ARG_UNPARSED_ARGUMENTS)
    get_filename_component(path "${source}" ABSOLUTE)
    # A .cu file has one language for the whole folder, so the host compiler gets a file that includes it.
    set(wrapper "${CMAKE_CURRENT_BINARY_DIR}/twin/${name}/${source}.cpp")
    file(CONFIGURE OUTPUT "${wrapper}" CONTENT "#include \"${path}\"\n" @ONLY)
    list(APPEND wrappers "${wrapper}")
  endforeach()
  set(twin plumbline_twin_${name})
  add_library(${twin} SHARED ${wrappers})
  target_include_directories(${twin} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  # Undefined references are resolved by the program, so that there is one copy of everything but the kernels.
  target_link_libraries(${twin} PRIVATE plumbline::strict plumbline_kernel_flags INTERFACE plumbline::twin ${ARG_LIBS})
  foreach(lib IN LISTS ARG_LIBS)
    target_include_directories(${twin} PRIVATE "$<TARGET_PROPERTY:${lib},INTERFACE_INCLUDE_DIRECTORIES>")
  endforeach()
  if(PLUMBLINE_HAVE_CUDA)
    set(cuda plumbline_cuda_${name})
    add_library(${cuda} STATIC ${ARG_UNPARSED_ARGUMENTS})
    target_link_libraries(${cuda} PRIVATE plumbline::strict PUBLIC plumbline_cuda_common ${ARG_LIBS})
    set_target_properties(${cuda} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
endfunction()

# Flags of kernels on the CPU. initial-exec: shared memory at a fixed distance from the thread pointer. Bsymbolic and
# no-gnu-unique: a template instantiated in two libraries keeps shared memory of its own in each.
add_library(plumbline_kernel_flags INTERFACE)
target_compile_options(plumbline_kernel_flags INTERFACE
  -fno-strict-aliasing -fno-math-errno -fno-extern-tls-init -fno-gnu-unique -ftls-model=initial-exec -Wno-unknown-pragmas
  "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(PLUMBLINE_TWIN_X86)
  target_compile_options(plumbline_kernel_flags INTERFACE "-march=${PLUMBLINE_TWIN_ARCH}")
endif()
target_link_options(plumbline_kernel_flags INTERFACE -Wl,-Bsymbolic)
