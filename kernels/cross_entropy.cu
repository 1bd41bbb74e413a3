// Cross entropy, two kernels after each other: the log-softmax of each row, then the mean loss of the rows' labels.

#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo temp float logs[rows * classes]
#pragma kernelevo zero loss
#pragma kernelevo launch log_softmax<<<ceildiv(rows, BLOCK), BLOCK>>>(x, logs, rows, classes)
#pragma kernelevo launch mean_loss<<<ceildiv(rows, BLOCK), BLOCK>>>(logs, labels, loss, rows, classes)

extern "C" __global__ void log_softmax(const float* x, float* logs, int rows, int classes)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }

    float largest = x[row * classes];
    for (int i = 1; i < classes; i++) {
        largest = fmaxf(largest, x[row * classes + i]);
    }

    float sum = 0.0f;
    for (int i = 0; i < classes; i++) {
        sum += expf(x[row * classes + i] - largest);
    }

    for (int i = 0; i < classes; i++) {
        logs[row * classes + i] = x[row * classes + i] - largest - logf(sum);
    }
}

extern "C" __global__ void mean_loss(const float* logs, const int* labels, float* loss, int rows, int classes)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row < rows) {
        atomicAdd(loss, -logs[row * classes + labels[row]] / rows);
    }
}
