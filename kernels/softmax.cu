// Softmax over the last axis, one row per thread: the largest element, the sum of exponentials, then the division.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo launch softmax<<<ceildiv(rows, BLOCK), BLOCK>>>(x, y, rows, cols)

extern "C" __global__ void softmax(const float* x, float* y, int rows, int cols)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }

    float largest = x[row * cols];
    for (int i = 1; i < cols; i++) {
        largest = fmaxf(largest, x[row * cols + i]);
    }

    float sum = 0.0f;
    for (int i = 0; i < cols; i++) {
        sum += expf(x[row * cols + i] - largest);
    }

    for (int i = 0; i < cols; i++) {
        y[row * cols + i] = expf(x[row * cols + i] - largest) / sum;
    }
}
