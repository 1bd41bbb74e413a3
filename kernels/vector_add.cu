// c = a + b, one element per thread.

#ifndef BLOCK
#define BLOCK 256
#endif
#pragma kernelevo tune BLOCK 64 128 256 512 1024
#pragma kernelevo launch vector_add<<<ceildiv(n, BLOCK), BLOCK>>>(a, b, c, n)

extern "C" __global__ void vector_add(const float* a, const float* b, float* c, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        c[i] = a[i] + b[i];
    }
}
