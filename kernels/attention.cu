// Attention, one query per thread: keys one after the other, with a running maximum and a running sum.

#include <cuda_fp16.h>

#ifndef BLOCK
#define BLOCK 64
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo launch attention<<<dim3(ceildiv(length, BLOCK), heads), BLOCK>>>(q, k, v, out, length, width)

#define WIDEST 128

extern "C" __global__ void attention(const __half* q, const __half* k, const __half* v, __half* out, int length, int width)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= length) {
        return;
    }
    const __half* keys = k + blockIdx.y * length * width;
    const __half* values = v + blockIdx.y * length * width;
    const __half* query = q + (blockIdx.y * length + row) * width;
    float mixed[WIDEST];
    for (int i = 0; i < width; i++) {
        mixed[i] = 0.0f;
    }

    float largest = -INFINITY, sum = 0.0f;
    for (int j = 0; j < length; j++) {
        float score = 0.0f;
        for (int i = 0; i < width; i++) {
            score += __half2float(query[i]) * __half2float(keys[j * width + i]);
        }
        score *= rsqrtf((float)width);
        float higher = fmaxf(largest, score);
        float shrink = expf(largest - higher), weight = expf(score - higher);
        sum = sum * shrink + weight;
        for (int i = 0; i < width; i++) {
            mixed[i] = mixed[i] * shrink + weight * __half2float(values[j * width + i]);
        }
        largest = higher;
    }

    for (int i = 0; i < width; i++) {
        out[(blockIdx.y * length + row) * width + i] = __float2half(mixed[i] / sum);
    }
}
