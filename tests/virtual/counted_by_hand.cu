// Kernels whose counts can be worked out on paper; test_counted_by_hand.py derives them. Lines that it looks at are marked.

extern "C" __global__ void copy(const float* x, float* y, int stride, int first)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i * stride + first];  // <- copy
}

template <int WIDTH>
__device__ void turn(const float* x, float* y)
{
    __shared__ float tile[32][WIDTH];
    for (int j = 0; j < 32; j += 8) {
        tile[threadIdx.y + j][threadIdx.x] = x[(threadIdx.y + j) * 32 + threadIdx.x];  // <- fill
    }
    __syncthreads();
    for (int j = 0; j < 32; j += 8) {
        y[(threadIdx.y + j) * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y + j];  // <- turn
    }
}

extern "C" __global__ void turn32(const float* x, float* y) { turn<32>(x, y); }

extern "C" __global__ void turn33(const float* x, float* y) { turn<33>(x, y); }

extern "C" __global__ void half_of_the_lanes(float* y, int lanes)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (threadIdx.x % 32 < lanes) {  // <- branch
        y[i] = 1.0f;  // <- store
    }
}

extern "C" __global__ void one_more_for_each_lane(unsigned* y)
{
    unsigned value = 1, last = threadIdx.x % 32;
#pragma unroll 1
    for (unsigned k = 0; k < last; k++) {  // <- loop
        value = value * value + k;  // <- body
    }
    y[threadIdx.x] = value;
}

extern "C" __global__ void meet(float* y, int times)
{
    __shared__ float shared[256];
#pragma unroll 1
    for (int k = 0; k < times; k++) {
        shared[threadIdx.x] = k;
        __syncthreads();  // <- barrier
    }
    y[threadIdx.x] = shared[threadIdx.x];
}

extern "C" __global__ void add_to(unsigned* y, int apart)
{
    atomicAdd(&y[threadIdx.x * apart], 1u);  // <- atomic
}
