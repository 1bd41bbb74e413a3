// A ballot counts lanes beyond the tail, whose elements nobody wrote; the fixed text masks them afterwards.
//: kernel counts
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void counts(int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  if (t < 16) tile[t] = t;
  __syncwarp();
  unsigned votes = __ballot_sync(~0u, tile[t] > 3);
#ifdef FIXED
  votes &= 0xffff;
#endif
  if (__popc(votes) > 3) atomicAdd(y + t, 1);  // <- bug
}
