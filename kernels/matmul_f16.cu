// c = a * b for row-major f16 matrices, added up in f32, one element of c per thread.

#include <cuda_fp16.h>

#pragma kernelevo launch matmul_f16<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(a, b, c, m, n, k)

extern "C" __global__ void matmul_f16(const __half* a, const __half* b, float* c, int m, int n, int k)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < m && col < n) {
        float sum = 0.0f;
        for (int i = 0; i < k; i++) {
            sum += __half2float(a[row * k + i]) * __half2float(b[i * n + col]);
        }
        c[row * n + col] = sum;
    }
}
