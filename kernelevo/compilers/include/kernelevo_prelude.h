// What nvcc gives every file before its first line and NVRTC does not: fixed-width integers, the macros of math.h and the
// functions of <cmath> in std. Nothing more, so that a kernel that compiles here compiles with nvcc too.
#pragma once
// Whether NVRTC left out the declarations that few kernels need (sandbox/wall/compile_errand.cpp) is no kernel's business.
#undef __CUDACC_RTC_MINIMAL__
#include "kernelevo_types.h"
#include "math.h"
