// A lane loads four words at once of which its neighbours are still writing three.
//: kernel gather
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void gather(const int *x, int *y) {
  __shared__ int4 tile[8];
  int t = threadIdx.x;
  ((int *)tile)[t] = x[t];  // <- bug
#ifdef FIXED
  __syncwarp();
#endif
  int4 four = tile[t / 4];  // <- bug
  y[t] = four.x + four.y + four.z + four.w;
}
