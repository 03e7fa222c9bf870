# Compiler settings shared by the native libraries and their tests, and the search for CUDA. The
# top-level directory includes this, as CMake wants a language enabled above all that use it.
include(CheckLanguage)

set(SGMN_BUILD_CUDA AUTO CACHE STRING
    "Build libsgmn_native_cuda: AUTO (when a CUDA compiler is found), ON or OFF")
set_property(CACHE SGMN_BUILD_CUDA PROPERTY STRINGS AUTO ON OFF)
# Orin, Hopper and Thor, and PTX, which the driver compiles for any other GPU from Turing on.
set(SGMN_CUDA_ARCHITECTURES "75-virtual;87-real;90-real;110-real" CACHE STRING
    "GPU architectures of libsgmn_native_cuda")

set(hint "put nvcc on PATH or give -DCMAKE_CUDA_COMPILER=<path of nvcc>")
set(SGMN_CUDA OFF)
if(SGMN_BUILD_CUDA STREQUAL "OFF")
  message(STATUS "libsgmn_native_cuda is skipped: SGMN_BUILD_CUDA is OFF; set it to AUTO or ON")
else()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(SGMN_CUDA ON)
  elseif(SGMN_BUILD_CUDA STREQUAL "AUTO")
    message(STATUS "libsgmn_native_cuda is skipped: no working CUDA compiler; ${hint}")
  else()
    message(FATAL_ERROR "SGMN_BUILD_CUDA is ON but there is no working CUDA compiler; ${hint}")
  endif()
endif()

if(SGMN_CUDA AND CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0)
  list(FILTER SGMN_CUDA_ARCHITECTURES EXCLUDE REGEX "^110")
  message(STATUS "libsgmn_native_cuda: CUDA ${CMAKE_CUDA_COMPILER_VERSION} does not know sm_110")
endif()

# Without contraction, rounding is the same on every machine, and what the CPU tests show holds
# for the GPU library.
set(SGMN_CXX_FLAGS -Wall -Wextra -Werror -ffp-contract=off)
list(JOIN SGMN_CXX_FLAGS "," SGMN_CUDA_HOST_FLAGS)
set(SGMN_CUDA_FLAGS --Werror=all-warnings --fmad=false -Xcompiler=${SGMN_CUDA_HOST_FLAGS})

function(sgmn_settings target)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:${SGMN_CXX_FLAGS}>"
    "$<$<COMPILE_LANGUAGE:CUDA>:${SGMN_CUDA_FLAGS}>")
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
    CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF CUDA_VISIBILITY_PRESET hidden
    CUDA_ARCHITECTURES "${SGMN_CUDA_ARCHITECTURES}" CUDA_RUNTIME_LIBRARY Static
    VISIBILITY_INLINES_HIDDEN ON)
endfunction()
