// Lane 0 writes a word of shared memory that the other lanes read at once.
//: kernel spread
//: launch grid=1 block=32
//: array x int32 1 7
//: array y int32 32 empty
//: fault race
extern "C" __global__ void spread(const int *x, int *y) {
  __shared__ int word;
  int t = threadIdx.x;
  if (t == 0) word = x[0];  // <- bug
#ifdef FIXED
  __syncwarp();
#endif
  y[t] = word + t;  // <- bug
}
