#pragma kernelevo launch batch_flip<<<dim3(ceildiv(h, 64), batch), 64>>>(src, dst, h, w)  // 64 of a matrix's lines

// Each matrix of a batch along blockIdx.y.
extern "C" __global__ void batch_flip(const double* src, double* dst, int h, int w)
{
    const double* from = src + blockIdx.y * h * w;
    double* to = dst + blockIdx.y * h * w;
    int line = blockIdx.x * blockDim.x + threadIdx.x;
    if (line < h) {
        for (int k = 0; k < w; ++k) {
            to[k * h + line] = from[line * w + k] * 2.0 - 1.0;
        }
    }
}
