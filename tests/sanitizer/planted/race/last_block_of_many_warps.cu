// One thread counts its block as done although the other warps have not come to a barrier yet.
//: kernel total
//: launch grid=4 block=64
//: array parts int32 256 zeros
//: array done uint32 1 zeros
//: array y int32 64 zeros
//: fault race
extern "C" __global__ void total(int *parts, unsigned *done, int *y) {
  __shared__ bool last;
  int t = threadIdx.x;
  parts[blockIdx.x * 64 + t] = t;  // <- bug
  __threadfence();
#ifdef FIXED
  __syncthreads();
#endif
  if (t == 0) last = atomicAdd(done, 1u) == gridDim.x - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  int sum = 0;
  for (int k = 0; k < 4; ++k) sum += parts[k * 64 + t];  // <- bug
  y[t] = sum;
}
