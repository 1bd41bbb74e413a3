// C = A B^T in f16 with f32 sums on tensor cores: A is M x K, B is N x K, both by rows; M and N multiples of 64, K of 32.
// A block of four warps makes 64 x 64 elements of C; slices of 32 columns arrive by cp.async, one ahead of the one in
// use. Rows are padded to 80 bytes, so that ldmatrix meets no bank twice.
#include <cuda_fp16.h>

constexpr int kTile = 64, kSlice = 32, kRow = kSlice + 8, kThreads = 128, kStages = 2;

struct Slice {
  __half a[kTile][kRow], b[kTile][kRow];
};

__device__ unsigned shared_address(const void *p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

__device__ void copy_16_bytes(void *to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
}

// Eight columns a thread: 4 threads a row.
__device__ void fetch(Slice &slice, const __half *a, const __half *b, int k, int first) {
  for (int i = threadIdx.x; i < kTile * kSlice / 8; i += kThreads) {
    const int row = i / 4, column = i % 4 * 8;
    copy_16_bytes(&slice.a[row][column], a + size_t(row) * k + first + column);
    copy_16_bytes(&slice.b[row][column], b + size_t(row) * k + first + column);
  }
}

__device__ void load_four(unsigned (&r)[4], const __half *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

__device__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

extern "C" __global__ void __launch_bounds__(kThreads)
    hgemm_mma(const __half *a, const __half *b, float *c, int m, int n, int k) {
  __shared__ __align__(16) Slice slices[kStages];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp % 2 * 32, warp_column = warp / 2 * 32;
  const __half *a_block = a + size_t(blockIdx.y) * kTile * k, *b_block = b + size_t(blockIdx.x) * kTile * k;
  float sums[2][4][4] = {};
  fetch(slices[0], a_block, b_block, k, 0);
  asm volatile("cp.async.commit_group;" ::: "memory");
  for (int step = 0; step < k / kSlice; ++step) {
    if ((step + 1) * kSlice < k) fetch(slices[(step + 1) % kStages], a_block, b_block, k, (step + 1) * kSlice);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    const Slice &slice = slices[step % kStages];
#pragma unroll
    for (int part = 0; part < kSlice; part += 16) {
      unsigned left[2][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        // A: matrices of the rows 0-7 and 8-15, then the same of the next eight columns. B: columns first.
        load_four(left[i], &slice.a[warp_row + 16 * i + lane % 16][part + lane / 16 * 8]);
        load_four(right[i], &slice.b[warp_column + 16 * i + lane / 16 * 8 + lane % 8][part + lane / 8 % 2 * 8]);
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply(sums[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) {
      const int row = blockIdx.y * kTile + warp_row + 16 * i + lane / 4;
      const int column = blockIdx.x * kTile + warp_column + 8 * j + lane % 4 * 2;
      *reinterpret_cast<float2 *>(&c[size_t(row) * n + column]) = make_float2(sums[i][j][0], sums[i][j][1]);
      *reinterpret_cast<float2 *>(&c[size_t(row + 8) * n + column]) = make_float2(sums[i][j][2], sums[i][j][3]);
    }
  }
}
