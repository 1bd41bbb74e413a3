// A counter is updated by atomics, but nobody cleared it.
//: kernel count
//: launch grid=1 block=32
//: array bins uint32 4 empty
//: fault uninitialised_output bins
//: remark uninitialised_value
extern "C" __global__ void count(unsigned *bins) {
#ifdef FIXED
  if (threadIdx.x < 4) bins[threadIdx.x] = 0;
  __syncthreads();
#endif
  atomicAdd(bins + threadIdx.x % 4, 1u);  // <- bug
}
