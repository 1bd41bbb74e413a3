// A table in constant memory is indexed without reducing the index to its eight entries.
//: kernel look_up
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
__constant__ int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
extern "C" __global__ void look_up(const int *x, int *y) {
#ifdef FIXED
  y[threadIdx.x] = table[x[threadIdx.x] & 7];
#else
  y[threadIdx.x] = table[x[threadIdx.x]];  // <- bug
#endif
}
