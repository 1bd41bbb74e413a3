// A search that finds nothing leaves its result register without a value, read from an output array later.
//: kernel find
//: launch grid=1 block=32
//: array x int32 32 range
//: array found int32 32 empty
//: array y int32 32 zeros
//: scalar key int32 40
//: fault uninitialised_branch
extern "C" __global__ void find(const int *x, int *found, int *y, int key) {
  int t = threadIdx.x;
#ifdef FIXED
  found[t] = -1;
#endif
  if (x[t] == key) found[t] = t;
  if (found[t] >= 0)  // <- bug
    y[found[t] & 31] = 1;
}
