// Edit distance of two strings by anti-diagonals: three diagonals in dynamic shared memory, a barrier each, byte loads.
extern "C" __global__ void levenshtein(const char *a, const int *a_start, const char *b, const int *b_start,
                                       int *distance) {
  extern __shared__ int cells[];
  const int pair = blockIdx.x, la = a_start[pair + 1] - a_start[pair], lb = b_start[pair + 1] - b_start[pair];
  a += a_start[pair];
  b += b_start[pair];
  int *last2 = cells, *last = cells + la + 1, *now = cells + 2 * (la + 1);
  for (int diagonal = 0; diagonal <= la + lb; diagonal++) {
    const int first = max(0, diagonal - lb), end = min(la, diagonal);
    for (int i = first + threadIdx.x; i <= end; i += blockDim.x) {
      const int j = diagonal - i;
      if (i == 0 || j == 0)
        now[i] = i + j;
      else
        now[i] = min(min(last[i - 1], last[i]) + 1, last2[i - 1] + (a[i - 1] != b[j - 1]));
    }
    __syncthreads();
    int *oldest = last2;
    last2 = last;
    last = now;
    now = oldest;
  }
  if (threadIdx.x == 0) distance[pair] = last[la];
}
