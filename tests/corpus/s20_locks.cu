// Spin locks: one lane a warp takes turns for a wide update; and every thread for itself, released inside the loop.
extern "C" __global__ void lock_per_warp(int *lock, volatile int *shared_sums, const int *x, int n) {
  const int lane = threadIdx.x & 31, i = blockIdx.x * blockDim.x + threadIdx.x;
  const int value = i < n ? x[i] : 0;
  if (lane == 0)
    while (atomicCAS(lock, 0, 1) != 0) __nanosleep(10);
  __syncwarp();
  __threadfence();
  shared_sums[lane] = shared_sums[lane] + value;
  __threadfence();
  __syncwarp();
  if (lane == 0) atomicExch(lock, 0);
}

extern "C" __global__ void lock_per_thread(int *locks, volatile int *sums, const int *bucket, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int b = bucket[i];
  for (bool done = false; !done;) {
    if (atomicCAS(&locks[b], 0, 1) == 0) {
      __threadfence();
      sums[b] = sums[b] * 3 + 1;
      __threadfence();
      atomicExch(&locks[b], 0);
      done = true;
    }
  }
}
