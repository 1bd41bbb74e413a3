// What nvcc gives every file before its first line and NVRTC does not: fixed-width integers, the macros of math.h and the
// functions of <cmath> in std. Nothing more, so that a kernel that compiles here compiles with nvcc too.
#pragma once
#include "kernelevo_types.h"
#include "math.h"
