// Layer normalisation over the last axis, one row per thread: the mean, the variance, then the output.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo launch layernorm<<<ceildiv(rows, BLOCK), BLOCK>>>(x, gamma, beta, y, rows, cols, epsilon)

extern "C" __global__ void layernorm(const float* x, const float* gamma, const float* beta, float* y, int rows, int cols,
                                     float epsilon)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }
    const float* in = x + row * cols;
    float* out = y + row * cols;

    float sum = 0.0f;
    for (int i = 0; i < cols; i++) {
        sum += in[i];
    }
    float mean = sum / cols;

    float squares = 0.0f;
    for (int i = 0; i < cols; i++) {
        float difference = in[i] - mean;
        squares += difference * difference;
    }
    float scale = rsqrtf(squares / cols + epsilon);

    for (int i = 0; i < cols; i++) {
        out[i] = (in[i] - mean) * scale * gamma[i] + beta[i];
    }
}
