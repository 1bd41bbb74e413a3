// Two layers, y = gelu(x w1 + b1) w2 + b2, three kernels after each other; one element of each plane per thread.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo temp float sums[rows * hidden]
#pragma kernelevo temp float h[rows * hidden]
#pragma kernelevo launch linear<<<dim3(ceildiv(rows, 16), ceildiv(hidden, 16)), dim3(16, 16)>>>( \
    x, w1, b1, sums, rows, hidden, width)
#pragma kernelevo launch gelu<<<ceildiv(rows * hidden, BLOCK), BLOCK>>>(sums, h, rows * hidden)
#pragma kernelevo launch linear<<<dim3(ceildiv(rows, 16), ceildiv(width, 16)), dim3(16, 16)>>>( \
    h, w2, b2, y, rows, width, hidden)

extern "C" __global__ void linear(const float* a, const float* w, const float* bias, float* c, int m, int n, int k)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    int col = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < m && col < n) {
        float sum = bias[col];
        for (int i = 0; i < k; i++) {
            sum += a[row * k + i] * w[i * n + col];
        }
        c[row * n + col] = sum;
    }
}

extern "C" __global__ void gelu(const float* x, float* y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = x[i];
        y[i] = 0.5f * v * (1.0f + tanhf(0.7978845608f * (v + 0.044715f * v * v * v)));
    }
}
