// y = transpose of x, one row of x per thread: the first parallel version that a course would write.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo launch transpose<<<ceildiv(rows, BLOCK), BLOCK>>>(x, y, rows, cols)

extern "C" __global__ void transpose(const float* x, float* y, int rows, int cols)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }
    for (int i = 0; i < cols; i++) {
        y[i * rows + row] = x[row * cols + i];
    }
}
