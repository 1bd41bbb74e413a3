// Inline PTX adds to a register that it declares and never sets.
//: kernel offset
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault uninitialised_output y
extern "C" __global__ void offset(const int *x, int *y) {
  int value;
#ifdef FIXED
  asm volatile("{ .reg .s32 t; mov.s32 t, 3; add.s32 %0, %1, t; }" : "=r"(value) : "r"(x[threadIdx.x]));
#else
  asm volatile("{ .reg .s32 t; add.s32 %0, %1, t; }" : "=r"(value) : "r"(x[threadIdx.x]));  // <- bug
#endif
  y[threadIdx.x] = value;
}
