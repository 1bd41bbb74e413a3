// Attention as its formula reads, three kernels after each other: scores, the softmax of each row of them, and the mix.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo temp float scores[heads * length * length]
#pragma kernelevo temp float weights[heads * length * length]
#pragma kernelevo launch score<<<dim3(ceildiv(length, 16), ceildiv(length, 16), heads), dim3(16, 16)>>>( \
    q, k, scores, length, width)
#pragma kernelevo launch softmax<<<ceildiv(heads * length, BLOCK), BLOCK>>>(scores, weights, heads * length, length)
#pragma kernelevo launch mix<<<dim3(ceildiv(width, 16), ceildiv(length, 16), heads), dim3(16, 16)>>>( \
    weights, v, out, length, width)

extern "C" __global__ void score(const float* q, const float* k, float* scores, int length, int width)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < length && col < length) {
        float sum = 0.0f;
        for (int i = 0; i < width; i++) {
            sum += q[(blockIdx.z * length + row) * width + i] * k[(blockIdx.z * length + col) * width + i];
        }
        scores[(blockIdx.z * length + row) * length + col] = sum / sqrtf(width);
    }
}

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

extern "C" __global__ void mix(const float* weights, const float* v, float* out, int length, int width)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < length && col < width) {
        float sum = 0.0f;
        for (int i = 0; i < length; i++) {
            sum += weights[(blockIdx.z * length + row) * length + i] * v[(blockIdx.z * length + i) * width + col];
        }
        out[(blockIdx.z * length + row) * width + col] = sum;
    }
}
