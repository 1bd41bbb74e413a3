// The sum of a vector: every thread adds its element to the result.

#ifndef BLOCK
#define BLOCK 256
#endif
#pragma kernelevo tune BLOCK 64 128 256 512 1024
#pragma kernelevo zero out
#pragma kernelevo launch reduce_sum<<<ceildiv(n, BLOCK), BLOCK>>>(x, out, n)

extern "C" __global__ void reduce_sum(const float* x, float* out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        atomicAdd(out, x[i]);
    }
}
