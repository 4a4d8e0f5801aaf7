# LibTorch out of a Python wheel, CPU or CUDA build: targets plumbline::torch (headers, CPU libraries and, where a whole
# CUDA toolkit was found and the wheel has them, its CUDA libraries). The wheel's own package file insists on a CUDA toolkit when the
# wheel is a CUDA build; linking its CPU libraries needs none, so the few paths are found here.
set(PLUMBLINE_PYTHON "" CACHE FILEPATH "Python that has torch (default: .venv of the source tree, then python3)")
set(plumbline_python_candidates "${PLUMBLINE_PYTHON}" "${PROJECT_SOURCE_DIR}/.venv/bin/python" python3)
foreach(candidate IN LISTS plumbline_python_candidates)
  if(candidate AND NOT PLUMBLINE_HAVE_TORCH)
    execute_process(
      COMMAND "${candidate}" -c "import os, importlib.util as u; print(os.path.dirname(u.find_spec('torch').origin))"
      OUTPUT_VARIABLE plumbline_torch_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE plumbline_torch_rc)
    if(plumbline_torch_rc EQUAL 0 AND EXISTS "${plumbline_torch_dir}/lib/libtorch_cpu.so")
      set(PLUMBLINE_HAVE_TORCH TRUE)
      set(PLUMBLINE_TORCH_PYTHON "${candidate}")
    endif()
  endif()
endforeach()
if(NOT PLUMBLINE_HAVE_TORCH)
  message(STATUS "plumbline: no Python with torch found; backend 'torch' is left out (scripts/setup.sh installs it)")
  return()
endif()

add_library(plumbline_torch INTERFACE)
add_library(plumbline::torch ALIAS plumbline_torch)
target_include_directories(plumbline_torch SYSTEM INTERFACE
  "${plumbline_torch_dir}/include" "${plumbline_torch_dir}/include/torch/csrc/api/include")
target_link_directories(plumbline_torch INTERFACE "${plumbline_torch_dir}/lib")
target_link_libraries(plumbline_torch INTERFACE torch_cpu c10)
target_link_options(plumbline_torch INTERFACE "-Wl,-rpath,${plumbline_torch_dir}/lib" "-Wl,--allow-shlib-undefined")
# Its CUDA headers include those of cuBLAS and cuSPARSE, which a toolkit of compiler and runtime alone lacks.
find_file(plumbline_cusparse_header cusparse.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
find_file(plumbline_cublas_header cublas_v2.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
mark_as_advanced(plumbline_cusparse_header plumbline_cublas_header)
if(PLUMBLINE_HAVE_CUDA AND plumbline_cusparse_header AND plumbline_cublas_header
   AND EXISTS "${plumbline_torch_dir}/lib/libtorch_cuda.so")
  target_link_libraries(plumbline_torch INTERFACE "-Wl,--no-as-needed" torch_cuda c10_cuda "-Wl,--as-needed")
  target_compile_definitions(plumbline_torch INTERFACE PLUMBLINE_TORCH_CUDA=1)
  target_include_directories(plumbline_torch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
endif()
message(STATUS "plumbline: LibTorch from ${plumbline_torch_dir}")
