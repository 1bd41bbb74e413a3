// y = transpose of x, one element per thread.

#pragma kernelevo launch transpose<<<dim3(ceildiv(cols, 16), ceildiv(rows, 16)), dim3(16, 16)>>>(x, y, rows, cols)

extern "C" __global__ void transpose(const float* x, float* y, int rows, int cols)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < rows && col < cols) {
        y[col * rows + row] = x[row * cols + col];
    }
}
