// A stack in a local array is read one entry above its top.
//: kernel walk
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: scalar depth int32 4
//: fault uninitialised_address
extern "C" __global__ void walk(const int *x, int *y, int depth) {
  int stack[8];
#pragma unroll 1
  for (int k = 0; k < depth; ++k) stack[k] = (threadIdx.x + k) & 31;
#ifdef FIXED
  int top = stack[depth - 1];
#else
  int top = stack[depth];
#endif
  y[threadIdx.x] = x[top & 31];  // <- bug
}
