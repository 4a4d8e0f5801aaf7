# The one place of compiler flags. No compiler may change a rounding that the source spells out: no contraction, no
# fast-math, no flush to zero. Every target of ours links plumbline::strict (privately).
add_library(plumbline_strict INTERFACE)
add_library(plumbline::strict ALIAS plumbline_strict)
target_compile_features(plumbline_strict INTERFACE cxx_std_20)
target_compile_options(plumbline_strict INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-ffp-contract=off;-fno-fast-math>"
  "$<$<COMPILE_LANGUAGE:CUDA>:--fmad=false;-ftz=false;-prec-div=true;-prec-sqrt=true;-Xcompiler=-Wall,-Wextra,-ffp-contract=off>")
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(PLUMBLINE_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${PLUMBLINE_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  add_link_options("-fsanitize=${PLUMBLINE_SANITIZE}")
endif()
