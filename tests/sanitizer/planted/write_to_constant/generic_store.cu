// A const_cast makes a store to a table in constant memory compile.
//: kernel tune
//: launch grid=1 block=32
//: array y int32 32 empty
//: fault write_to_constant
__constant__ int table[32] = {5};
extern "C" __global__ void tune(int *y) {
#ifdef FIXED
  int value = table[threadIdx.x] + 1;
#else
  int *mine = const_cast<int *>(table) + threadIdx.x;
  *mine += 1;  // <- bug
  int value = *mine;
#endif
  y[threadIdx.x] = value;
}
