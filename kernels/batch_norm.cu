// Batch normalisation and a ReLU, one column per thread: the mean of each column, its variance, then the output.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo temp float mean[cols]
#pragma kernelevo temp float variance[cols]
#pragma kernelevo launch statistics<<<ceildiv(cols, BLOCK), BLOCK>>>(x, mean, variance, rows, cols)
#pragma kernelevo launch normalise<<<ceildiv(cols, BLOCK), BLOCK>>>( \
    x, mean, variance, gamma, beta, y, rows, cols, epsilon)

extern "C" __global__ void statistics(const float* x, float* mean, float* variance, int rows, int cols)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    if (col >= cols) {
        return;
    }

    float sum = 0.0f;
    for (int i = 0; i < rows; i++) {
        sum += x[i * cols + col];
    }
    float middle = sum / rows;

    float squares = 0.0f;
    for (int i = 0; i < rows; i++) {
        float difference = x[i * cols + col] - middle;
        squares += difference * difference;
    }
    mean[col] = middle;
    variance[col] = squares / rows;
}

extern "C" __global__ void normalise(const float* x, const float* mean, const float* variance, const float* gamma,
                                     const float* beta, float* y, int rows, int cols, float epsilon)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    if (col >= cols) {
        return;
    }
    float scale = gamma[col] / sqrtf(variance[col] + epsilon);
    for (int i = 0; i < rows; i++) {
        y[i * cols + col] = fmaxf((x[i * cols + col] - mean[col]) * scale + beta[col], 0.0f);
    }
}
